"""`nightshift rollback`: take a night back."""

from __future__ import annotations

from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.record import tell_mlflow
from nightshift.cli.told import tell_rollback


def rollback(
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; history keeps it.")],
    version: Annotated[
        int | None, typer.Argument(help="Whose modules to bring back; default: the one before.")
    ] = None,
    documents: Annotated[
        bool, typer.Option("--documents", help="Bring back the documents too, bit for bit.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would change, change nothing.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Publish a new version with an old one's experts, router and detector."""
    from flows.rollback import rollback as take_back
    from state.store import Store

    opened = Store.open(store)
    done = take_back(opened, version, reason, documents=documents, dry_run=dry_run)
    if as_json:
        output.print_json(done.as_json())
    else:
        tell_rollback(done)
    if not dry_run:
        tell_mlflow(opened)
