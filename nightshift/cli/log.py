"""`nightshift log`: every move of the pointer to the live version."""

from __future__ import annotations

from rich.table import Table

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.output import out, plain


def log(
    store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """When the live version changed, from which to which, and why."""
    from state.store import Store

    moves = [
        {name: move[name] for name in ("time", "from", "to", "why")}
        for move in Store.open(store).log()
    ]
    if as_json:
        output.print_json(moves)
        return
    table = Table(box=None, header_style="bold")
    for column in ("time", "from", "to", "why"):
        table.add_column(column, justify="right" if column in ("from", "to") else "left")
    for move in moves:
        time, why = move["time"][:19].replace("T", " "), plain(move["why"], 80)
        table.add_row(time, str(move["from"] or "-"), str(move["to"]), why)
    out.print(table)
