"""`nightshift compact`: many small segments become one."""

from __future__ import annotations

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.output import out
from nightshift.cli.record import tell_mlflow


def compact(
    store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Merge small and half-dead segments; every search finds what it found before."""
    from flows.compact import compact as merge
    from state.store import Store

    opened = Store.open(store)
    done = merge(opened)
    tell_mlflow(opened)
    if as_json:
        output.print_json(done.as_json())
        return
    before, after = done.segments
    out.print(f"[bold]version {done.version}[/bold]: {before} segments -> {after}")
    out.print(f"  dead       {done.dropped:,} documents left behind; `nightshift gc` frees them")
