"""A person's word by way of Prefect: a run that sleeps until somebody resumes it with an answer.

A night that leaves an expert waiting starts such a run for it. Resumed (in the page of the run, or
by its API) it does what `nightshift approve` and `reject` do; where somebody has answered otherwise
by then, it says so and ends. It holds no worker and nothing up meanwhile.
"""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.client.orchestration import get_client
from prefect.client.schemas.objects import State
from prefect.exceptions import ObjectNotFound
from prefect.flow_runs import suspend_flow_run
from prefect.input import RunInput
from prefect.states import Completed

from flows.shift.tasks import as_task
from nightshift.errors import UsageError
from state.store import Store

A_MONTH = 30 * 24 * 3600
NAME = "approval"


class Word(RunInput):
    """What the run asks for."""

    approve: bool
    reason: str = ""


# A night may be writing when the answer comes; the answer is kept.
@flow(
    name=NAME,
    persist_result=False,
    validate_parameters=False,
    retries=60,
    retry_delay_seconds=60,
)
def approval(store: str = "store", expert: str = "") -> State[None]:
    """Sleep until somebody says whether the expert may serve, and do so."""
    from flows.mirror import mirror
    from flows.page import decision

    shelf = Store.open(Path(store))
    asked = Word.with_initial_data(description=decision(shelf.manifest()))
    word = suspend_flow_run(wait_for_input=asked, timeout=A_MONTH)
    assert word is not None
    try:
        name, told = _answered(shelf, expert, word)
    except UsageError as error:
        return Completed(name="Completed: answered elsewhere", message=error.message)
    as_task("mirror", "", mirror, shelf)
    return Completed(name=f"Completed: {name}", message=told)


def _answered(store: Store, expert: str, word: Word) -> tuple[str, str]:
    from flows.approval import approve, reject

    if not word.approve:
        done = reject(store, expert, word.reason or "rejected in Prefect")
        return "rejected", f"version {done.version}: {expert} waits no more"
    tried = approve(store, expert, word.reason or None)
    if tried.objection:
        return "gate refused", f"{expert} goes on waiting: {tried.objection}"
    return "approved", f"version {tried.version}: {expert} serves"


def ask_for_words(store: Store) -> None:
    """Start a run for every expert that waits and has none, where the deployment is there."""
    with get_client(sync_client=True) as client:
        try:
            deployment = client.read_deployment_by_name(f"{NAME}/{NAME}")
        except ObjectNotFound:
            return
        for expert in store.manifest().facts.get("candidates", []):
            client.create_flow_run_from_deployment(
                deployment.id,
                parameters={"store": str(store.root.resolve()), "expert": expert},
                name=f"may {expert} serve?",
                idempotency_key=f"{store.key()}/{expert}",
            )
