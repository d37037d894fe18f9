"""`nightshift gc`: old versions give their space back."""

from __future__ import annotations

from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.output import out, size


def gc(
    keep: Annotated[
        int, typer.Option("--keep", min=1, help="How many of the newest versions keep everything.")
    ] = 30,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would go, change nothing.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Delete what only old versions need; pinned ones and those being read keep theirs."""
    from state import retention
    from state.store import Store

    sweep = retention.gc(Store.open(store), keep, dry_run=dry_run)
    if as_json:
        output.print_json({**sweep.as_json(), "dry_run": dry_run})
        return
    collected = ", ".join(map(str, sweep.versions)) or "none"
    out.print(f"[bold]{'dry run' if dry_run else 'gc'}[/bold]: {len(sweep.objects)} objects go")
    out.print(f"  collected  versions {collected}")
    if sweep.unreadable:
        lost = ", ".join(map(str, sweep.unreadable))
        out.print(f"  unreadable versions {lost}: what no other names stays; see nightshift verify")
    out.print(f"  bytes      {size(sweep.freed)} freed, {size(sweep.left)} kept")
