"""`nightshift migrate`: the next generation, by another encoder."""

from __future__ import annotations

from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.output import out, plain
from nightshift.cli.record import tell_mlflow
from nightshift.cli.told import tell_changes
from nightshift.errors import NothingToDo


def migrate(
    encoder: Annotated[str, typer.Option("--encoder", "-e", help="A folder or a hub id.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell how long it would take, change nothing.")
    ] = False,
    anyway: Annotated[
        bool, typer.Option("--anyway", help="Publish it though a kind would lose by it.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Encode everything by another encoder, teach the experts anew, compare, publish in one step.

    A migration that was interrupted goes on where it was. `rollback --documents` takes it back;
    once another version has been published since, with the number of the one from before.
    """
    from flows.migration import estimate
    from flows.migration import migrate as move
    from state.store import Store

    opened = Store.open(store)
    if dry_run:
        done = estimate(opened, encoder)
    else:
        with output.progress() as progress:
            done = move(opened, encoder, anyway=anyway, progress=progress)
    if as_json:
        output.print_json(done.as_json())
    elif dry_run:
        out.print(
            f"[bold]dry run[/bold]: {done.documents:,} documents by {plain(done.encoder)}, about "
            f"{done.minutes:.1f} minutes; then its experts are taught"
        )
    else:
        head = f"version {done.version}" if done.version else "no version"
        out.print(f"[bold]{head}[/bold]: {done.documents:,} documents by {plain(done.encoder)}")
        out.print(f"  encoded    {done.encoded:,} documents now; {done.minutes:.1f} minutes in all")
        out.print(f"  experts    {', '.join(done.experts) or 'none'}")
        tell_changes(done.changes or {}, opened.manifest().facts["kinds"])
    if done.version:
        tell_mlflow(opened)
    elif done.objection:
        hint = "the same command with --anyway"
        raise NothingToDo(f"the old encoder stays: {done.objection}", hint=hint)
