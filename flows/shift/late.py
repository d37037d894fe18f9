"""Runs that are not what they seem: late ones that another night has made needless, dead ones that
Prefect takes for running.

A machine that slept for three nights wakes up to three late runs. Whichever starts first takes in
all that waits, so it calls off the others: one night is caught up, not three. That happens in the
run itself, and so under a worker as under `nightshift up`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from prefect import get_run_logger
from prefect.client.orchestration import SyncPrefectClient, get_client
from prefect.client.schemas.filters import (
    DeploymentFilter,
    DeploymentFilterId,
    FlowRunFilter,
    FlowRunFilterState,
    FlowRunFilterStateType,
)
from prefect.client.schemas.objects import FlowRun, StateType
from prefect.context import FlowRunContext
from prefect.states import Cancelled, Crashed

WAITING = (StateType.SCHEDULED,)
AT_WORK = (StateType.PENDING, StateType.RUNNING, StateType.CANCELLING)


def call_off_late_runs() -> int:
    """Inside of a run: cancel the scheduled runs of its deployment that were due before now."""
    context = FlowRunContext.get()
    this = context.flow_run if context else None
    if this is None or this.deployment_id is None:
        return 0
    try:
        with get_client(sync_client=True) as client:
            late = [
                run
                for run in _runs(client, this.deployment_id, WAITING)
                if run.auto_scheduled and _due(run)
            ]
            for run in late:
                state: Any = Cancelled(message=f"taken in by {this.name}, which came first")
                client.set_flow_run_state(run.id, state)
    except Exception as problem:  # a late run finds nothing to do: no reason to lose a night
        get_run_logger().warning("late runs were not called off: %s", problem)
        return 0
    if late:
        get_run_logger().info("%d late runs called off: this one takes in all", len(late))
    return len(late)


def bury_dead_runs(client: SyncPrefectClient, deployment: UUID) -> int:
    """Mark the runs as crashed that Prefect takes for running; for whoever knows that none is."""
    dead = _runs(client, deployment, AT_WORK)
    for run in dead:
        state: Any = Crashed(message="its process is gone; the store is as it was")
        client.set_flow_run_state(run.id, state, force=True)
    return len(dead)


def _runs(
    client: SyncPrefectClient, deployment: UUID, states: tuple[StateType, ...]
) -> list[FlowRun]:
    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
        flow_run_filter=FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=list(states)))
        ),
    )


def _due(run: FlowRun) -> bool:
    return run.expected_start_time is not None and run.expected_start_time <= datetime.now(UTC)
