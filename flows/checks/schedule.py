"""Prefect: does a server answer, and will the next night really fire?

An active schedule proves nothing: a scheduler can be dead while deployments show their cron. What
counts is a run in state Scheduled.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from flows.checks.check import Check, broken, ok, warning

FLOWS = ("nightly", "weekly")


def schedule() -> Iterator[Check]:
    """A check of the server, and one of each of our deployments."""
    try:
        from prefect.client.orchestration import get_client
        from prefect.settings import PREFECT_API_URL
    except Exception as error:
        yield broken("Prefect", f"does not import: {error}", "pip install -r requirements.lock")
        return
    if not PREFECT_API_URL.value():
        yield warning(
            "Prefect",
            "no server is configured: `nightshift update` works, schedules will not fire",
            "nightshift up",
        )
        return
    try:
        with get_client(sync_client=True) as client:
            deployments = [one for one in client.read_deployments() if _is_ours(one, client)]
            yield ok("Prefect", f"a server answers at {PREFECT_API_URL.value()}")
            if not deployments:
                yield warning("schedule", "nothing is deployed", "nightshift up")
            for deployment in deployments:
                yield _fires(deployment, client)
    except Exception as error:
        yield broken(
            "Prefect",
            f"no answer from {PREFECT_API_URL.value()}: {type(error).__name__}",
            "prefect server start",
        )


def _is_ours(deployment: Any, client: Any) -> bool:
    return client.read_flow(deployment.flow_id).name in FLOWS


def _fires(deployment: Any, client: Any) -> Check:
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilter,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType

    name = f"schedule of {deployment.name}"
    if deployment.paused or not any(one.active for one in deployment.schedules):
        hint = "nightshift schedule resume"
        return warning(name, "is paused or has no schedule", hint)
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment.id])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
        ),
    )
    times = sorted(run.expected_start_time for run in runs if run.expected_start_time)
    if not times:
        return broken(
            name,
            "has a schedule and no scheduled run: the server's scheduler is dead",
            "pip install -r requirements.lock",
        )
    late = times[0] < datetime.now(UTC)
    told = f"next run {times[0]:%Y-%m-%d %H:%M %Z}"
    if late:
        return warning(
            name,
            f"{told} is late: no worker has taken it",
            "prefect worker start --pool nightshift",
        )
    return ok(name, told)
