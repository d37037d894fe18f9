"""`nightshift retire`: an expert serves nobody any more."""

from __future__ import annotations

from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.output import out, plain
from nightshift.cli.record import tell_mlflow
from nightshift.cli.told import tell_changes


def retire(
    expert: Annotated[str, typer.Argument(help="Its name, as `nightshift experts` tells it.")],
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; history keeps it.")],
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what it would cost, change nothing.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Give an expert's kinds back to the frozen encoder; a rollback brings it back."""
    from flows.retire import retire as take_out
    from state.store import Store

    opened = Store.open(store)
    done = take_out(opened, expert, reason, dry_run=dry_run)
    if as_json:
        output.print_json(done.as_json())
    else:
        head = f"version {done.version}" if done.version else "dry run"
        out.print(f"[bold]{head}[/bold]: {plain(expert)} serves nobody any more")
        tell_changes(done.changes, opened.manifest().facts["kinds"])
    if not dry_run:
        tell_mlflow(opened)
