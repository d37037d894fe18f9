"""`nightshift consolidate`: the two nearest experts become one."""

from __future__ import annotations

from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.output import out, plain
from nightshift.cli.record import tell_mlflow
from nightshift.cli.told import tell_changes
from nightshift.errors import NothingToDo


def consolidate(
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell whom it would merge and what that costs.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Merge the two experts whose kinds are nearest, unless a kind would lose by it."""
    from flows.consolidate import consolidate as merge
    from state.store import Store

    opened = Store.open(store)
    done = merge(opened, dry_run=dry_run)
    if as_json:
        output.print_json(done.as_json())
    else:
        head = f"version {done.version}" if done.version else "dry run" if dry_run else "no version"
        before, after = done.parameters
        out.print(f"[bold]{head}[/bold]: {' and '.join(done.experts)} -> {done.into}")
        out.print(f"  nearness   {done.nearness:.2f}, the cosine of what their kinds are asked")
        out.print(f"  weights    {before:,} -> {after:,}")
        tell_changes(done.changes, opened.manifest().facts["kinds"])
        if dry_run:
            out.print(f"  verdict    {plain(done.objection or 'nobody would be harmed')}")
    if done.version:
        tell_mlflow(opened)
    elif not dry_run:
        raise NothingToDo(f"they stay two: {done.objection}", hint="nightshift experts")
