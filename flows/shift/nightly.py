"""The night shift, as Prefect tells it: everything that waits in the inbox, one version a batch.

    claim -> ingest -> encode -> detect -> decide -> train and gate -> publish -> mirror -> report

The steps and their order are those of `flows/night.py`; here they are tasks. Runs coalesce: a run
that comes late takes in all that is pending and calls off the others that are late; whoever comes
second finds nothing to do. The store's lock sees to that, not Prefect's: it holds between
deployments and between machines.
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow, get_run_logger
from prefect.client.schemas.objects import State
from prefect.states import Completed

from flows.shift.late import call_off_late_runs
from flows.shift.tasks import as_task
from flows.shift.titles import night
from flows.shift.verdict import in_a_line, verdict
from nightshift.errors import NothingToDo, StoreBusy
from state.store import Store


@flow(name="nightly", flow_run_name=night, persist_result=False, validate_parameters=False)
def nightly(store: str = "store", inbox: str = "inbox") -> State[None]:
    """Live through every batch that waits in `inbox`; the state says what came of it."""
    # Who deploys this, and then waits for the hour, needs none of it in memory.
    from flows.mirror import mirror
    from flows.night import update
    from flows.shift.artifacts import publish_artifacts
    from flows.shift.asking import ask_for_words
    from flows.shift.progressing import Progressing
    from flows.sources import settings_from
    from pipeline.inbox import pending

    call_off_late_runs()
    shelf = Store.open(Path(store))
    try:
        waiting, settings = pending(Path(inbox)), settings_from()
        nights = update(shelf, waiting, settings=settings, run=as_task, progress=Progressing())
        told = "; ".join(in_a_line(night) for night in nights)
    except NothingToDo:
        nights, told = [], "nothing to do: no batch brings anything new"
    except StoreBusy as busy:
        nights, told = [], f"nothing to do: {busy.message}"
    mirrored = as_task("mirror", "", mirror, shelf)
    if mirrored.error:
        get_run_logger().warning("MLflow was not told: %s", mirrored.error)
    if shelf.manifest().facts.get("candidates"):
        as_task("ask", "", ask_for_words, shelf)
    versions = [night.version for night in nights if night.version]
    as_task("report", "", publish_artifacts, shelf, versions)
    get_run_logger().info(told)
    return Completed(name=verdict(nights), message=told)
