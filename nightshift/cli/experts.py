"""`nightshift experts`: who serves what, since when, and what it gained."""

from __future__ import annotations

from rich.table import Table

from nightshift.cli import output
from nightshift.cli.options import (
    DEFAULT_STORE,
    DebugOption,
    JsonOption,
    StoreOption,
    VersionOption,
)
from nightshift.cli.output import out, plain


def experts(
    version: VersionOption = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """The experts of a version: what the gate measured, what they serve, how much words count."""
    from flows.roster import roster
    from state.store import Store

    rows = roster(Store.open(store), version)
    if as_json:
        output.print_json(rows)
        return
    if not rows:
        out.print("no experts yet: the frozen encoder serves every query")
        return
    table = Table(box=None, header_style="bold")
    table.add_column("expert", no_wrap=True, min_width=6)
    table.add_column("serves", overflow="fold")
    widths = {"since": 5, "weights": 9, "queries": 7, "gain (90 %)": 20, "words": 5}
    for column, width in widths.items():
        table.add_column(column, justify="right", no_wrap=True, min_width=width)
    for row in rows:
        low, high = row["gate"]["interval"]
        table.add_row(
            row["name"],
            plain(", ".join(row["serves"]) or "nothing any more"),
            str(row["born"]),
            f"{row['parameters']:,}",
            f"{row['queries']:,}",
            f"{100 * row['gate']['gain']:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})",
            "" if row["share"] is None else f"{row['share']:.1f}",
        )
    out.print(table)
