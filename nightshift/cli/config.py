"""`nightshift config`: every setting, its value, and where it comes from."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rich.table import Table

from nightshift.cli import output
from nightshift.cli.options import DebugOption, JsonOption
from nightshift.cli.output import out, plain


def config(as_json: JsonOption = False, debug: DebugOption = False) -> None:
    """Every setting with its value and its source: flag, NIGHTSHIFT_*, nightshift.toml, default.

    The schedule is read from prefect.yaml. A night keeps its settings: `nightshift show VERSION`.
    """
    from flows.shift.schedule import scheduled
    from flows.sources import sourced

    rows: list[dict[str, Any]] = [vars(one) for one in sourced()]
    rows += [
        {"name": f"schedule of {one.name}", "value": one.told, "source": str(one.file), "help": ""}
        for one in scheduled(Path("prefect.yaml"))
    ]
    if as_json:
        output.print_json(rows)
        return
    table = Table(box=None, header_style="bold")
    for column in ("setting", "value", "from"):
        table.add_column(column, no_wrap=True)
    table.add_column("", style="dim")
    for row in rows:
        value = "" if row["value"] is None else str(row["value"])
        table.add_row(row["name"], plain(value), row["source"], row["help"])
    out.print(table)
