"""`nightshift diff`: what lies between two versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.output import out, plain

SHOWN = 10
"""Documents named of each sort; --json has all."""


def diff(
    a: Annotated[int, typer.Argument(help="A version's number.")],
    b: Annotated[int | None, typer.Argument(help="Another's; default: the live one.")] = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """What version B has that version A had not, and the other way round."""
    from flows.difference import difference
    from state.store import Store

    opened = Store.open(store)
    found = difference(opened, a, opened.head().version if b is None else b)
    if as_json:
        output.print_json(found.as_json())
        return
    out.print(f"[bold]version {found.a} -> version {found.b}[/bold]")
    _documents("+", "added", found.added)
    _documents("-", "removed", found.removed)
    _documents("~", "changed", found.changed)
    for name, told in found.experts.items():
        out.print(f"  expert {name} {told}")
    for id_, told in found.kinds.items():
        out.print(f"  kind {id_} {plain(told)}")
    for name, (then, now) in found.settings.items():
        out.print(f"  setting {name}: {plain(str(then))} -> {plain(str(now))}")
    if not any((found.added, found.removed, found.changed, found.experts, found.kinds)):
        out.print("  the same documents and the same modules")


def _documents(mark: str, what: str, keys: Sequence[tuple[str, str]]) -> None:
    if not keys:
        return
    out.print(f"  {len(keys):,} documents {what}")
    for source, id_ in keys[:SHOWN]:
        out.print(f"    {mark} {plain(id_, 80)}  [dim]{plain(source, 40)}[/dim]")
    if len(keys) > SHOWN:
        out.print(f"    [dim]and {len(keys) - SHOWN:,} more: --json names them all[/dim]")
