"""`nightshift update`: live through what has arrived."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.told import tell_nights
from nightshift.errors import UsageError


def update(
    batches: Annotated[
        list[Path] | None, typer.Argument(help="Batches, in the order of their nights.")
    ] = None,
    inbox: Annotated[
        Path | None, typer.Option("--inbox", help="A folder; every batch in it, by name.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell decision and cost, change nothing.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Take batches that a rollback has withdrawn, too.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """A night: take in everything pending, in order; each batch becomes one version."""
    from flows.night import update as live_through
    from flows.preview import preview
    from pipeline.inbox import pending, waiting
    from state.store import Store

    if bool(batches) == bool(inbox):
        raise UsageError("an update needs batches or an inbox", hint="nightshift update BATCH")
    opened = Store.open(store)
    paths = pending(inbox) if inbox else list(batches or ())
    for entry, reason in (waiting(inbox) if inbox else {}).items():
        output.err.print(output.plain(f"{entry.name} waits: {reason}"))
    with output.progress() as progress:
        if dry_run:
            nights = preview(opened, paths, again=again, progress=progress)
        else:
            nights = live_through(opened, paths, again=again, progress=progress)
    versions = [night.version for night in nights if night.version]
    if as_json:
        page = {
            "version": versions[-1] if versions else None,
            "batches": [night.as_json() for night in nights],
        }
        output.print_json({**page, "dry_run": True} if dry_run else page)
        return
    tell_nights(nights)
    if dry_run:
        output.err.print("nothing was changed; without --dry-run the gate decides as well")
