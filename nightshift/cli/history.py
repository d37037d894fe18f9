"""`nightshift history` and `nightshift show`: how the index grew, and why."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.table import Table

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.output import chart, out, plain


def history(
    store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Every version, oldest first: what came, what was decided, how large it is."""
    from flows.history import history as remember
    from state.store import Store

    rows = remember(Store.open(store))
    if as_json:
        output.print_json(rows)
        return
    table = Table(box=None, header_style="bold")
    for column in ("", "time", "what", "documents", "experts", "weights", "why"):
        table.add_column(column, justify="right" if column in NUMBERS else "left")
    for row in rows:
        table.add_row(
            f"{'*' if row['live'] else ' '}{row['version']}{' pinned' if row['pinned'] else ''}",
            row["time"][:16].replace("T", " "),
            row["kind"],
            f"{row['documents']:,}",
            str(row["experts"]),
            f"{row['expert_parameters']:,}",
            plain(row["reason"], 60),
        )
    out.print(table)
    for name in ("documents", "experts"):
        out.print(f"\n[bold]{name}[/bold] by version")
        for line in chart([row[name] for row in rows[-CHARTED:]], height=4):
            out.print(line, markup=False)


NUMBERS = ("documents", "experts", "weights")
CHARTED = 60
"""Versions in a chart: the last ones."""


def show(
    version: Annotated[int, typer.Argument(help="A version's number.")],
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Everything about one version: decisions with their figures, quarantine, objects."""
    from flows.history import version_page
    from state.store import Store

    page = version_page(Store.open(store), version)
    if as_json:
        output.print_json(page)
        return
    facts = page["facts"]
    out.print(f"[bold]version {version}[/bold] ({page['kind']}, {page['time']})")
    out.print(f"  why        {plain(page['reason'])}")
    out.print(f"  encoder    {plain(page['encoder']['name'])}")
    counts = ", ".join(f"{n} {what}" for what, n in facts["documents"].items() if n)
    out.print(f"  documents  {page['documents']:,} ({counts or 'no change'})")
    out.print(f"  experts    {', '.join(facts['live_experts']) or 'none'}")
    spent = ", ".join(f"{step} {took:.1f} s" for step, took in page["seconds"].items() if took)
    if spent:
        out.print(f"  took       {spent}")
    _show_decisions(facts)
    for entry in facts.get("quarantined", []):
        out.print(f"  [red]quarantined[/red] {plain(entry['where'])}: {plain(entry['reason'])}")


def _show_decisions(facts: Any) -> None:
    from flows.outcome import Outcome
    from nightshift.cli.told import tell_outcome

    detection = facts.get("detection", {})
    if "p_value" in detection:
        shares = ", ".join(
            f"{100 * share:.0f} % beyond {100 * float(level):.0f} %"
            for level, share in detection["shares"].items()
        )
        out.print(f"  layers     {detection['layers']}: {shares} (p = {detection['p_value']:.2g})")
    for outcome in facts["outcomes"]:
        tell_outcome(Outcome(**outcome))
