"""`nightshift approve` and `reject`: a person's word about an expert that waits."""

from __future__ import annotations

from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.output import out, plain
from nightshift.cli.record import tell_mlflow
from nightshift.cli.told import tell_changes
from nightshift.errors import NothingToDo

Waiting = Annotated[str, typer.Argument(help="Its name, as `nightshift experts` tells it.")]


def approve(
    expert: Waiting,
    reason: Annotated[
        str | None, typer.Option("--reason", "-r", help="Why; history keeps it.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what it would change, change nothing.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Let an expert that waits serve its kind, if the gate still finds that nobody is harmed."""
    from flows.approval import approve as let_serve
    from state.store import Store

    opened = Store.open(store)
    done = let_serve(opened, expert, reason, dry_run=dry_run)
    kinds = opened.manifest().facts["kinds"]
    if as_json:
        output.print_json(done.as_json())
    else:
        head = f"version {done.version}" if done.version else "dry run" if dry_run else "no version"
        out.print(f"[bold]{head}[/bold]: {plain(expert)} for {plain(kinds[done.kind])}")
        tell_changes(done.changes, kinds)
        if dry_run:
            out.print(f"  verdict    {plain(done.objection or 'nobody would be harmed')}")
    if done.version:
        tell_mlflow(opened)
    elif not dry_run:
        raise NothingToDo(
            f"{expert} goes on waiting: {done.objection}",
            hint=f'nightshift reject {expert} --reason "WHY"',
        )


def reject(
    expert: Waiting,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; history keeps it.")],
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Let an expert that waits go; its kind is served as it was."""
    from flows.approval import reject as let_go
    from state.store import Store

    opened = Store.open(store)
    done = let_go(opened, expert, reason)
    if as_json:
        output.print_json(done.as_json())
    else:
        out.print(f"[bold]version {done.version}[/bold]: {plain(expert)} waits no more")
    tell_mlflow(opened)
