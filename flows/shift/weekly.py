"""The weekly rounds, as Prefect tells them: teach, consolidate, compact, collect what nobody keeps,
read every byte.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.states import Completed, Failed

from flows.shift.late import call_off_late_runs
from flows.shift.tasks import as_task
from flows.shift.titles import rounds
from flows.shift.verdict import verdict
from nightshift.errors import StoreBusy
from state.store import Store

if TYPE_CHECKING:
    from flows.maintenance import Maintenance


@flow(name="weekly", flow_run_name=rounds, persist_result=False, validate_parameters=False)
def weekly(store: str = "store") -> State[None]:
    """Keep the store small and sound; a damaged byte fails the run, so that somebody looks."""
    # Who deploys this, and then waits for the hour, needs none of it in memory.
    from flows.maintenance import maintain
    from flows.mirror import mirror
    from flows.shift.artifacts import publish_rounds
    from flows.sources import settings_from

    call_off_late_runs()
    shelf = Store.open(Path(store))
    try:
        done = maintain(shelf, run=as_task, settings=settings_from())
    except StoreBusy as busy:
        return Completed(name=verdict([]), message=f"nothing to do: {busy.message}")
    as_task("mirror", "", mirror, shelf)
    as_task("report", "", publish_rounds, done)
    told = _in_a_line(done)
    return Failed(message=told) if done.damage else Completed(message=told)


def _in_a_line(done: Maintenance) -> str:
    one, taught = done.consolidation, done.teaching
    learned = f"teach: version {taught.version} ({taught.outcome.outcome}); " if taught else ""
    experts = f"consolidate: version {one.version}; " if one and one.version else ""
    merged = f"version {done.compaction.version}" if done.compaction else "nothing to merge"
    sound = f"{len(done.damage)} parts damaged: nightshift verify" if done.damage else "sound"
    freed = f"{done.sweep.freed / 2**20:.1f} MiB freed"
    return f"{learned}{experts}compact: {merged}; gc: {freed}; verify: {sound}"
