"""The process in which the nights of `nightshift up` live: `python -m flows.shift.served PAGE`.

It deploys `nightly`, `weekly` and `approval` to the Prefect server at PREFECT_API_URL, puts right
what an earlier one left there, and carries out what is due, one run at a time. PAGE is Orders as
JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.objects import ConcurrencyLimitConfig, ConcurrencyLimitStrategy
from prefect.client.schemas.responses import DeploymentResponse
from prefect.deployments.runner import RunnerDeployment
from prefect.exceptions import ObjectNotFound
from prefect.flows import Flow
from prefect.runner import Runner
from prefect.schedules import Cron
from prefect.types.entrypoint import EntrypointType

from flows.checks.schedule import FLOWS
from flows.shift.asking import approval
from flows.shift.cron import local_timezone
from flows.shift.late import bury_dead_runs
from flows.shift.nightly import nightly
from flows.shift.plan import cron_of
from flows.shift.silence import watch_for_silence
from flows.shift.weekly import weekly
from nightshift.errors import UsageError

SECONDS_BETWEEN_LOOKS = 2
ONE_AT_A_TIME = ConcurrencyLimitConfig(limit=1, collision_strategy=ConcurrencyLimitStrategy.ENQUEUE)


FIRST = {"nightly": "0 2 * * *", "weekly": "0 12 * * 0"}
"""Until somebody says otherwise."""


@dataclass(frozen=True)
class Orders:
    """What to serve; where `cron` or `timezone` is None, what the server has stays."""

    store: str
    inbox: str
    cron: str | None
    timezone: str | None
    alone: bool
    """Whether nobody else carries out runs for this server: then what seems to run is dead."""
    ready: str
    """A file that appears once runs are taken up."""

    def as_argument(self) -> str:
        return json.dumps(asdict(self))


def main(arguments: Sequence[str]) -> None:
    """Serve until a signal comes."""
    orders = Orders(**json.loads(arguments[0]))
    with get_client(sync_client=True) as client:
        nights = _deployment(client, nightly, orders, orders.cron)
        rounds = _deployment(client, weekly, orders, None)
        words = _on_demand(approval, orders)
        watch_for_silence(client)
        if orders.alone:
            _live_again(client)
    asyncio.run(_serve([nights, rounds, words], Path(orders.ready)))


async def _serve(deployments: Sequence[RunnerDeployment], ready: Path) -> None:
    # Prefect would pause the schedule for good when this process ends.
    runner = Runner(
        name="nightshift", limit=1, query_seconds=SECONDS_BETWEEN_LOOKS, pause_on_shutdown=False
    )
    for deployment in deployments:
        await runner.aadd_deployment(deployment)
    ready.touch()
    await runner.start()


def _deployment(
    client: SyncPrefectClient, flow: Flow[Any, Any], orders: Orders, cron: str | None
) -> RunnerDeployment:
    """The deployment as it shall be: time and pause as the server has them, unless told."""
    known = _known(client, flow.name)
    if known is not None and known.work_pool_name:
        raise UsageError(
            f"{flow.name} is deployed to the work pool {known.work_pool_name} on that server",
            hint=f"prefect worker start --pool {known.work_pool_name}, or unset PREFECT_API_URL",
        )
    kept, plan = cron_of(known) if known else (None, None)
    schedule = Cron(
        cron or (plan.cron if plan else FIRST[flow.name]),
        timezone=orders.timezone or (plan.timezone if plan else None) or local_timezone(),
        active=kept.active if kept else True,
        slug=flow.name,
    )
    inbox = {"inbox": orders.inbox} if flow is nightly else {}
    made = flow.to_deployment(
        name=flow.name,
        schedule=schedule,
        paused=known.paused if known else False,
        parameters={"store": orders.store, **inbox},
        concurrency_limit=ONE_AT_A_TIME,
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    assert isinstance(made, RunnerDeployment)  # it would be awaited in a loop, and there is none
    return made


def _on_demand(flow: Flow[Any, Any], orders: Orders) -> RunnerDeployment:
    """A deployment that runs when it is asked to."""
    made = flow.to_deployment(
        name=flow.name,
        parameters={"store": orders.store},
        entrypoint_type=EntrypointType.MODULE_PATH,
    )
    assert isinstance(made, RunnerDeployment)
    return made


def _live_again(client: SyncPrefectClient) -> None:
    """Bury the runs that an earlier process left behind; a night among them is lived once more."""
    for name in FLOWS:
        known = _known(client, name)
        died = bury_dead_runs(client, known.id) if known else 0
        if known and died and name == nightly.name and not known.paused:
            client.create_flow_run_from_deployment(known.id)


def _known(client: SyncPrefectClient, name: str) -> DeploymentResponse | None:
    try:
        return client.read_deployment_by_name(f"{name}/{name}")
    except ObjectNotFound:
        return None


if __name__ == "__main__":
    main(sys.argv[1:])
