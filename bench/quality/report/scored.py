"""The tables of scores: by system, by domain, by difference.

Scores are points: hundredths of nDCG@10 (or R@100) over the whole index, after the last night
unless a table says otherwise.
"""

from __future__ import annotations

from bench.quality import counted, summary
from bench.quality.figures import NONE, chance, count, level, level_between, percent, points
from bench.quality.goals import DENSE, FUSION, LEXICAL, OURS, SHARES
from bench.quality.report.table import Table
from bench.quality.results import SPLITS
from bench.quality.summary import FROZEN, Evidence


def systems(evidence: Evidence) -> Table:
    """A row per system: the words for quality, both splits, growth and cost."""
    rows = []
    for name, system in evidence.results.systems.items():
        both = [summary.average(evidence, name, split) for split in SPLITS]
        over = [_over_frozen(evidence, name, split) for split in SPLITS]
        moved = [summary.backward(evidence, name, split) for split in SPLITS]
        raw = [summary.raw_backward(evidence, name, split) for split in SPLITS]
        ahead = [summary.forward(evidence, name, split) for split in SPLITS]
        reach = [summary.average(evidence, name, split, "recall") for split in SPLITS]
        rows.append(
            (
                name,
                level_between(both[0]),
                level_between(both[1]),
                *over,
                points(moved[0]),
                points(moved[1]),
                _pair(*(NONE if one is None else f"{100 * one.value:+.1f}" for one in raw)),
                _pair(*map(level, ahead)),
                _pair(*map(level, reach)),
                percent(counted.parameter_share(system)),
                count(counted.cost(system)),
            )
        )
    return Table(
        "Systems",
        "AP: mean of the last row. BWT: against the frozen encoder on the same index and the same"
        " queries; raw BWT without it. `test_seen`: documents that a training query names, on the"
        " domains with at least a hundred such queries; no real training query is about documents"
        " of `test`, but ours and dar are also taught by spans of documents, those among them."
        " Where two figures share a cell, the second is `test_seen`. Parameters: of all experts"
        " together, as a share of the encoder's.",
        (
            "system",
            "AP `test`",
            "AP `test_seen`",
            "over frozen, `test`",
            "over frozen, `test_seen`",
            "BWT `test`",
            "BWT `test_seen`",
            "raw BWT",
            "FWT",
            "R@100",
            "parameters",
            "CPU seconds",
        ),
        tuple(rows),
    )


def _pair(test: str, seen: str) -> str:
    return f"{test} / {seen}"


def _over_frozen(evidence: Evidence, system: str, split: str) -> str:
    return NONE if system == FROZEN else points(summary.gain(evidence, system, FROZEN, split))


def domains(evidence: Evidence, split: str) -> Table:
    """A row per domain: the frozen score, and what each other system adds to it."""
    shown = _shown(evidence)
    last = evidence.results.last
    by_system = {name: summary.gains(evidence, name, FROZEN, split) for name in shown}
    told = summary.domains(evidence, split)
    learned = [one for one in counted.with_expert(evidence.results) if one in told]
    rows = []
    for domain in told:
        cell = evidence.draws.cell(FROZEN, last, domain, split)
        rows.append(
            (
                f"{domain} *" if domain in learned else domain,
                count(evidence.draws.queries(last, domain, split)),
                NONE if cell is None else f"{100 * cell[0]:.1f}",
                *(points(by_system[name].get(domain)) for name in shown),
            )
        )
    mean = [points(summary.gain(evidence, name, FROZEN, split)) for name in shown]
    rows.append(("mean", "", level(summary.average(evidence, FROZEN, split)), *mean))
    if learned:
        among = [points(summary.gain(evidence, one, FROZEN, split, learned)) for one in shown]
        before = summary.average(evidence, FROZEN, split, among=learned)
        rows.append(("mean of *", "", level(before), *among))
    return Table(
        f"Domains, `{split}`",
        "The frozen encoder's score, and the gain over it. * has an expert in most seeds.",
        ("domain", "queries", FROZEN, *shown),
        tuple(rows),
    )


def _shown(evidence: Evidence) -> list[str]:
    """The floors and the rows that are shipped, where they were run; else every system."""
    there = [one for one in evidence.results.systems if one != FROZEN]
    first = [one for one in (OURS, DENSE, LEXICAL, FUSION, SHARES) if one in there]
    return first or there


def differences(evidence: Evidence) -> Table:
    """Our rows against every other system, paired by query."""
    pairs = [
        (ours, other)
        for ours in (OURS, DENSE)
        for other in evidence.results.systems
        if ours in evidence.results.systems and other not in (OURS, DENSE)
        # Of words, the others have none.
        if ours == DENSE or other in (FROZEN, LEXICAL, FUSION, SHARES)
    ]
    rows = []
    for ours, other in pairs:
        found = [summary.gain(evidence, ours, other, split) for split in SPLITS]
        told = (text for one in found for text in (points(one), chance(one)))
        rows.append((f"{ours} - {other}", *told))
    return Table(
        "Differences",
        "Mean over all domains, paired bootstrap over documents, two-sided p.",
        ("difference", "`test`", "p", "`test_seen`", "p"),
        tuple(rows),
    )
