"""How a night is told on a terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from rich.padding import Padding
from rich.table import Table

from nightshift.cli.output import out, plain

if TYPE_CHECKING:
    from flows.night import Night
    from flows.outcome import Outcome
    from flows.rollback import Rollback
    from pipeline.gate import Change

COLOURS = {
    "spawn": "green",
    "refine": "green",
    "propose": "yellow",
    "reuse": "cyan",
    "absorb": "blue",
    "wait": "yellow",
    "quarantine": "red",
    "refused": "red",
}


def tell_nights(nights: Sequence[Night]) -> None:
    """What each batch led to: documents, decisions with their reasons, seconds."""
    for night in nights:
        changes = ", ".join(f"{count} {what}" for what, count in night.documents.items() if count)
        version = f"version {night.version}" if night.version else "no version yet"
        out.print(f"[bold]{plain(night.batch)}[/bold]: {version}; {changes or 'no change'}")
        for outcome in night.outcomes:
            tell_outcome(outcome)
        spent = ", ".join(f"{step} {took:.1f} s" for step, took in night.seconds.items() if took)
        out.print(f"  [dim]{night.encoded} documents encoded; {spent}[/dim]")


def tell_outcome(outcome: Outcome) -> None:
    """One decision: the word, the kind, the reason, what the gate measured."""
    colour = COLOURS.get(outcome.outcome, "white")
    kind = f" of {plain(outcome.kind)}" if outcome.kind != "-" else ""
    served = f" by {outcome.expert}" if outcome.expert else ""
    noun = "document" if outcome.documents == 1 else "documents"
    table = Table.grid(padding=(0, 1))
    table.add_column(width=10)
    table.add_column()
    table.add_row(
        f"[{colour}]{outcome.outcome}[/{colour}]",
        f"{outcome.documents} {noun}{kind}{served}: {plain(outcome.reason)}",
    )
    if outcome.gate:
        low, high = outcome.gate["interval"]
        sort = "synthetic" if outcome.gate["synthetic"] else "real"
        table.add_row(
            "",
            f"[dim]gate: {100 * outcome.gate['gain']:+.1f} points of nDCG@10 "
            f"(90 % interval {100 * low:+.1f} to {100 * high:+.1f}) on "
            f"{outcome.gate['queries']} {sort} queries[/dim]",
        )
    out.print(Padding(table, (0, 0, 0, 2), expand=False))


def tell_rollback(done: Rollback) -> None:
    """Whose modules are live now, and what that changes."""
    before, after = done.experts
    what = "modules and documents" if done.documents else "modules"
    head = f"version {done.version}" if done.version else "dry run"
    out.print(f"[bold]{head}[/bold]: {what} of version {done.to}")
    out.print(f"  experts    {', '.join(before) or 'none'} -> {', '.join(after) or 'none'}")
    out.print(f"  documents  {done.live_documents[0]:,} -> {done.live_documents[1]:,}")


def tell_changes(changes: Mapping[str, Change], names: Mapping[str, str]) -> None:
    """What each kind gains or loses, in points of nDCG@10."""
    for kind, (mean, low, high) in changes.items():
        span = f"90 % interval {100 * low:+.1f} to {100 * high:+.1f}"
        told = f"{100 * mean:+.1f} points of nDCG@10 ({span})"
        out.print(f"  {kind:<11}{told}  [dim]{plain(names.get(kind, ''))}[/dim]")
