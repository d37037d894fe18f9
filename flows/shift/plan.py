"""What a Prefect server says about the nights, and how to change it.

The same deployments by name, whoever carries them out: `nightshift up`, or a worker after
`prefect deploy --all`.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import httpx
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.actions import DeploymentScheduleCreate
from prefect.client.schemas.filters import (
    FlowFilter,
    FlowFilterName,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import TERMINAL_STATES, DeploymentSchedule, FlowRun, StateType
from prefect.client.schemas.responses import DeploymentResponse
from prefect.client.schemas.schedules import CronSchedule
from prefect.client.schemas.sorting import FlowRunSort
from prefect.exceptions import ObjectNotFound
from prefect.settings import PREFECT_API_URL

from flows.checks.schedule import FLOWS
from flows.shift.cron import check, nights
from flows.shift.silence import watch_for_silence
from flows.shift.verdict import versions_in
from nightshift.errors import NightshiftError, UsageError

NIGHTLY, _ = FLOWS
SHOWN = 3
SECONDS_BETWEEN_LOOKS = 1.0


@dataclass(frozen=True)
class Run:
    """A run that has come to its end, or has not yet."""

    id: str
    flow: str
    name: str
    state: str
    message: str
    start: datetime | None
    end: datetime | None
    over: bool

    @property
    def versions(self) -> list[int]:
        return versions_in(self.message)

    @property
    def succeeded(self) -> bool:
        return self.state.startswith("Completed")

    def as_json(self) -> dict[str, Any]:
        times = {"start": _iso(self.start), "end": _iso(self.end)}
        return {**vars(self), **times, "versions": self.versions}


@dataclass(frozen=True)
class Plan:
    """When a flow runs by itself; `cron` is None where it has no schedule."""

    flow: str
    cron: str | None
    timezone: str
    paused: bool
    next: tuple[datetime, ...]
    last: Run | None
    running: Run | None
    """The one that is under way."""

    def as_json(self) -> dict[str, Any]:
        runs = {
            name: run.as_json() if run else None
            for name, run in (("last", self.last), ("running", self.running))
        }
        return {**vars(self), "next": [_iso(night) for night in self.next], **runs}


@contextmanager
def server() -> Iterator[SyncPrefectClient]:
    """A client of the server at PREFECT_API_URL; one sentence where none answers."""
    try:
        with get_client(sync_client=True) as client:
            yield client
    except httpx.HTTPError as error:
        raise NightshiftError(
            f"no Prefect server answers well at {PREFECT_API_URL.value()}",
            hint="nightshift up, or prefect server start",
        ) from error


def read(client: SyncPrefectClient, flow: str = NIGHTLY, now: datetime | None = None) -> Plan:
    """What the server says of this flow's deployment."""
    deployment = deployed(client, flow)
    schedule, plan = cron_of(deployment)
    paused = deployment.paused or not (schedule and schedule.active)
    cron, timezone = plan.cron if plan else None, (plan.timezone if plan else None) or "UTC"
    coming = () if paused or not cron else nights(cron, timezone, SHOWN, now or datetime.now(UTC))
    last, running = last_over(client, flow), under_way(client, flow)
    return Plan(flow, cron, timezone, paused, tuple(coming), last, running)


def read_all(client: SyncPrefectClient) -> list[Plan]:
    return [read(client, flow) for flow in FLOWS]


def change(client: SyncPrefectClient, cron: str | None, timezone: str | None) -> None:
    """Give the nights another time; what is None stays."""
    deployment = deployed(client, NIGHTLY)
    before = read(client)
    cron, timezone = cron or before.cron or "", timezone or before.timezone
    check(cron, timezone)
    wanted = CronSchedule(cron=cron, timezone=timezone)
    known, _ = cron_of(deployment)
    if known is None:
        new = DeploymentScheduleCreate(schedule=wanted, active=True, slug=NIGHTLY)
        client.create_deployment_schedules(deployment.id, [new])
    else:
        client.update_deployment_schedule(deployment.id, known.id, schedule=wanted)
    watch_for_silence(client)


def pause(client: SyncPrefectClient) -> None:
    """Nothing runs by itself any more, neither nights nor rounds."""
    for flow in FLOWS:
        client.pause_deployment(deployed(client, flow).id)


def resume(client: SyncPrefectClient) -> None:
    for flow in FLOWS:
        deployment = deployed(client, flow)
        client.resume_deployment(deployment.id)
        schedule, _ = cron_of(deployment)
        if schedule and not schedule.active:
            client.update_deployment_schedule(deployment.id, schedule.id, active=True)
    watch_for_silence(client)


def run_now(client: SyncPrefectClient, patience: float | None = None) -> Run:
    """One night now, through Prefect; waits for its end."""
    run = client.create_flow_run_from_deployment(deployed(client, NIGHTLY).id)
    until = None if patience is None else time.monotonic() + patience
    while not (found := _run(client.read_flow_run(run.id), NIGHTLY)).over:
        if until is not None and found.start is None and time.monotonic() > until:
            raise NightshiftError(
                f"nobody has taken up the run {found.name} yet; it waits in Prefect",
                hint="nightshift up, or prefect worker start --pool nightshift",
            )
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return found


def last_over(client: SyncPrefectClient, flow: str) -> Run | None:
    """The run of this flow that ended last, whoever started it."""
    found = _runs(client, flow, TERMINAL_STATES, FlowRunSort.END_TIME_DESC)
    return next((_run(run, flow) for run in found if not _called_off(run)), None)


def under_way(client: SyncPrefectClient, flow: str) -> Run | None:
    """The run of this flow that is being carried out."""
    found = _runs(client, flow, {StateType.RUNNING}, FlowRunSort.START_TIME_DESC)
    return next((_run(run, flow) for run in found), None)


def _runs(
    client: SyncPrefectClient, flow: str, states: Collection[StateType], sort: FlowRunSort
) -> list[FlowRun]:
    kinds = FlowRunFilterStateType(any_=list(states))
    return client.read_flow_runs(
        flow_filter=FlowFilter(name=FlowFilterName(any_=[flow])),
        flow_run_filter=FlowRunFilter(state=FlowRunFilterState(type=kinds)),
        sort=sort,
        limit=10,
    )


def deployed(client: SyncPrefectClient, flow: str) -> DeploymentResponse:
    """The deployment of one of our flows, as `nightshift up` and prefect.yaml call it."""
    try:
        return client.read_deployment_by_name(f"{flow}/{flow}")
    except ObjectNotFound:
        raise UsageError(
            f"{PREFECT_API_URL.value()} knows no deployment {flow}/{flow}",
            hint="nightshift up, or prefect deploy --all",
        ) from None


def cron_of(
    deployment: DeploymentResponse,
) -> tuple[DeploymentSchedule, CronSchedule] | tuple[None, None]:
    """The first schedule that is a cron expression, and what it says."""
    for one in deployment.schedules:
        if isinstance(one.schedule, CronSchedule):
            return one, one.schedule
    return None, None


def _called_off(run: FlowRun) -> bool:
    """Whether it ended before it began, since another night had made it needless."""
    return run.state is not None and run.state.is_cancelled() and not run.run_count


def _run(run: FlowRun, flow: str) -> Run:
    state = run.state
    return Run(
        id=str(run.id),
        flow=flow,
        name=run.name,
        state=(state.name if state else None) or "Scheduled",
        message=(state.message if state else None) or "",
        start=run.start_time,
        end=run.end_time,
        over=state is not None and state.is_final(),
    )


def _iso(time: datetime | None) -> str | None:
    return time.isoformat(timespec="seconds") if time else None
