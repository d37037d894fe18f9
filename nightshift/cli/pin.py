"""`nightshift pin` and `nightshift unpin`: versions that gc must leave alone."""

from __future__ import annotations

from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.output import out, plain

Version = Annotated[int, typer.Argument(help="A version's number.")]


def pin(
    version: Version,
    reason: Annotated[str, typer.Option("--reason", "-r", help="Why; history shows it.")],
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Keep a version for as long as it is pinned, however old it gets."""
    from state import pins
    from state.store import Store

    pins.pin(Store.open(store), version, reason)
    if as_json:
        output.print_json({"version": version, "pinned": reason})
        return
    out.print(f"[bold]version {version}[/bold] is pinned: {plain(reason)}")


def unpin(
    version: Version,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Let gc treat a version like any other again."""
    from state import pins
    from state.store import Store

    pins.unpin(Store.open(store), version)
    if as_json:
        output.print_json({"version": version, "pinned": None})
        return
    out.print(f"[bold]version {version}[/bold] is not pinned any more")
