"""`nightshift clicks`: what people clicked on becomes a batch of training pairs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DebugOption, JsonOption
from nightshift.cli.output import out, plain
from nightshift.errors import UsageError

if TYPE_CHECKING:
    from flows.clicks import Harvest

SHOWN = 5
"""Pairs of a dry run."""


def clicks(
    logs: Annotated[list[Path], typer.Argument(help="JSON lines: clicks, and pages shown.")],
    folder: Annotated[
        Path | None, typer.Option("--out", help="The batch to write: a folder not there yet.")
    ] = None,
    least_people: Annotated[
        int | None,
        typer.Option("--least-people", min=1, help="Leave out queries that fewer people asked."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell what would be written, write nothing.")
    ] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Weigh position bias and noise out of a click log; write the pairs that are surely right."""
    from flows.clicks import harvest

    if folder is None and not dry_run:
        raise UsageError(
            "a batch needs a place", hint=f"nightshift clicks {logs[0]} --out inbox/clicks"
        )
    done = harvest(logs, None if dry_run else folder, least_people)
    if as_json:
        output.print_json(done.as_json())
    else:
        _tell(done)


def _tell(done: Harvest) -> None:
    out.print(
        f"[bold]{done.clicks:,} clicks[/bold] on {done.queries:,} queries, "
        f"{done.pages:,} pages shown"
    )
    looks = " ".join(f"{look:.2f}" for look in done.looks)
    read = f"{done.measured} ranks read off the log" if done.measured else "no page says, so 1/rank"
    out.print(f"  looked at  {looks}  [dim]({read})[/dim]")
    for reason, count in sorted(done.left_out.items()):
        out.print(f"  left out   {count:,}: {plain(reason)}")
    if done.few_people:
        out.print(f"  left out   {done.few_people:,} queries that too few people asked")
    queries = len({pair.query for pair in done.pairs})
    out.print(f"  pairs      {len(done.pairs):,} of {queries:,} queries")
    for pair in [] if done.batches else done.pairs[:SHOWN]:
        out.print(
            f"    {plain(pair.query, 50)} [dim]->[/dim] {plain(pair.key[1], 30)}  [dim]"
            f"{pair.clicks} clicks, {100 * pair.share:.0f} % of what they count[/dim]"
        )
    for batch in done.batches:
        out.print(f"  written    {plain(str(batch))}; next: nightshift update {plain(str(batch))}")
