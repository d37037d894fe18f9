"""The demo's own way of telling: headings, commands, differences, ranks."""

from __future__ import annotations

import shlex
import shutil
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.padding import Padding
from rich.table import Table

from nightshift.cli.output import out, plain
from nightshift.demo.asking import Change
from nightshift.demo.corpora import Corpus
from nightshift.demo.delivery import split_of

USUAL = 0.8


def heading(text: str) -> None:
    out.print(f"\n[bold cyan]{text}[/bold cyan]")


def say(text: str) -> None:
    """A sentence in the margin; a pipe gets it in one line, where padding would cut it off."""
    out.print(f"  {text}" if out.soft_wrap else Padding(text, (0, 0, 0, 2)))


def command(line: str) -> None:
    """What a user would type, in one piece, so that it can be copied."""
    out.print(f"[bold]$ {plain(line)}[/bold]", soft_wrap=True)


def deliveries(corpora: Sequence[Corpus]) -> None:
    table = Table(box=None, header_style="dim", padding=(0, 1))
    table.add_column(" folder")
    for column in ("documents", "questions", "in the test"):
        table.add_column(column, justify="right")
    table.add_column("what arrives")
    for corpus in corpora:
        asked = [text for text in corpus.texts if text.question]
        test = sum(split_of(text) == "test" for text in asked)
        figures = [f"{number:,}" if number else "-" for number in (len(asked), test)]
        table.add_row(f" {corpus.folder}", f"{len(corpus.texts):,}", *figures, corpus.what)
    out.print(table)


def strangeness(detection: dict[str, Any]) -> None:
    """How much of a night lies farther out than most of what is known."""
    share = dict(detection["shares"]).get(str(USUAL))
    if share is not None:
        verdict = "something is new" if detection["new"] else "nothing new"
        say(
            f"[dim]the layers: {100 * share:.0f} % of it lies farther out than "
            f"{100 * USUAL:.0f} % of known text, {100 * (1 - USUAL):.0f} % is usual: "
            f"{verdict}[/dim]"
        )


def difference(found: dict[str, Any]) -> None:
    """Frozen against routed on the same questions, and whether that is much."""
    low, high = (100 * end for end in found["interval"])
    sure = low > 0 or high < 0
    asked = {name: count for name, count in found["routes"].items() if name != "frozen"}
    served = " and ".join(asked) or "no expert"
    say(
        f"{found['queries']} questions that nobody learned from, nDCG@10: "
        f"{found['frozen']:.3f} by the encoder alone, {found['routed']:.3f} with {served}"
    )
    colour = "green" if low > 0 else "yellow"
    told = "" if sure else "; small: the interval includes zero"
    say(
        f"[{colour}]{100 * found['gain']:+.1f} points[/{colour}] "
        f"[dim](95 % interval {low:+.1f} to {high:+.1f}{told})[/dim]"
    )


def movement(found: Sequence[Change]) -> None:
    """How many answers came nearer to the top."""
    better = sum(change.ranks_won > 0 for change in found)
    worse = sum(change.ranks_won < 0 for change in found)
    same = len(found) - better - worse
    say(f"the answer ranks higher for {better} questions, lower for {worse}, the same for {same}")


def side_by_side(
    change: Change,
    before: Sequence[tuple[str, float]],
    after: Sequence[tuple[str, float]],
) -> None:
    """The best hits by the encoder alone and with the expert; an arrow marks the answer."""
    table = Table(box=None, header_style="dim", padding=(0, 1), expand=False)
    table.add_column("", justify="right")
    table.add_column(f"the encoder alone: rank {place(change.before)}")
    table.add_column(f"with the expert: rank {place(change.after)}")
    for number, (old, new) in enumerate(zip(before, after, strict=True), start=1):
        table.add_row(str(number), _shown(old[0], change), _shown(new[0], change))
    out.print(table)


def place(rank: int | None) -> str:
    return str(rank) if rank else "beyond 100"


def next_steps(root: Path, steps: Sequence[tuple[str, str]]) -> None:
    """Commands that work as they stand."""
    heading("What to try next")
    command(f"cd {shlex.quote(str(root))}")
    program = Path(sys.argv[0])
    if shutil.which("nightshift") is None and program.name == "nightshift":
        command(f"alias nightshift={shlex.quote(str(program.absolute()))}")
    table = Table.grid(padding=(0, 3, 0, 0))
    table.add_column(no_wrap=True)
    table.add_column(style="dim")
    for line, why in steps:
        table.add_row(f"[bold]$ {plain(line)}[/bold]", why)
    out.print(table)


def _shown(document: str, change: Change) -> str:
    name = document if len(document) <= 36 else f"…{document[-35:]}"
    return f"[bold green]{plain(name)} ←[/bold green]" if document == change.answer else plain(name)
