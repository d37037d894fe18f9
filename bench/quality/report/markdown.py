"""report.md: the headline in sentences that the figures make, then the tables."""

from __future__ import annotations

from bench.quality import counted, summary
from bench.quality.figures import level, points
from bench.quality.goals import DENSE, FUSION, OURS, SHARES, WORDS, judged
from bench.quality.report.table import Table
from bench.quality.report.tables import tables
from bench.quality.summary import FROZEN, Evidence


def headline(evidence: Evidence) -> str:
    """A few sentences, each made from figures; systems that were not run are not spoken of."""
    results = evidence.results
    said = [
        f"Stream {results.page['stream']}, profile {results.page['profile']}:"
        f" {len(results.nights) - 1} nights, {len(summary.domains(evidence, 'test'))} domains,"
        " nDCG@10 on `test` over the whole index after the last night, in points, with 95 %"
        " intervals over documents with all their queries."
    ]
    for system, other in ((OURS, FROZEN), (OURS, FUSION), (OURS, SHARES), (DENSE, FROZEN)):
        said += _compared(evidence, system, other)
    moved = {one: summary.backward(evidence, one) for one in (OURS, DENSE)}
    said += [f"BWT of {one}: {points(value)}." for one, value in moved.items() if value]
    right, nights = counted.decisions_right(results)
    if right:
        seeds = "by seed" if len(right) > 1 else "with one seed"
        said.append(f"Decisions accepted: {', '.join(map(str, right))} of {nights} nights {seeds}.")
    wrong = summary.disagreements(evidence)
    if wrong:
        said.append(
            f"{len(wrong)} cells of results.json are not the means of their scores, the first:"
            f" {wrong[0]}; these figures come from the scores."
        )
    words = [verdict.word for _, verdict in judged(evidence)]
    tally = ", ".join(f"{words.count(one)} {one}" for one in WORDS if one in words)
    return " ".join([*said, f"Goals: {tally}."])


def _compared(evidence: Evidence, system: str, other: str) -> list[str]:
    test = summary.gain(evidence, system, other)
    if test is None:
        return []
    seen = summary.gain(evidence, system, other, "test_seen")
    ours, theirs = (summary.average(evidence, one) for one in (system, other))
    beside = f"; on `test_seen` {points(seen)}" if seen else ""
    return [f"{system} {level(ours)}, {other} {level(theirs)}: {points(test)}{beside}."]


def markdown(table: Table) -> str:
    """A table with its title.

    >>> print(markdown(Table("Two", "", ("a", "b"), (("1", "x|y"),))))
    ## Two
    <BLANKLINE>
    | a | b |
    |---|---|
    | 1 | x\\|y |
    """
    lines = [f"## {table.title}", ""]
    if table.about:
        lines += [_plain(table.about), ""]
    lines += [_row(table.head), "|" + "---|" * len(table.head), *map(_row, table.rows)]
    return "\n".join(lines)


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(map(_plain, cells)) + " |"


def _plain(cell: str) -> str:
    """A cell stays a cell, whatever a system, a domain or an expert is called."""
    return cell.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")


def report(evidence: Evidence) -> str:
    """The whole page."""
    parts = ["# Quality on a stream of nights", headline(evidence)]
    return "\n\n".join([*parts, *map(markdown, tables(evidence))]) + "\n"
