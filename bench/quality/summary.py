"""From results to facts: AP, BWT, FWT, gains with intervals, decisions, growth and cost.

Words as in the design. P[t][d] is nDCG@10 after night t on domain d. AP is the mean of the last
row. BWT is the mean over domains of (P - P_frozen)[last][d] - (P - P_frozen)[first][d], because a
growing index makes every system fall; *first* is the first night with at least ENOUGH of d's test
queries, and both terms are of the queries that were asked after both nights: a domain that comes in
parts brings other questions later, which nobody can have forgotten. Raw BWT leaves the frozen
encoder out. FWT is the mean of P[first][d]. Domains weigh the same. A fact is None where a system
was not measured on all that it needs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from bench.quality.resampling import UNNAMED, Draws, Estimate, Floats, Measure, estimate
from bench.quality.results import Results

ENOUGH = 100
TOLERANCE = 1e-3
"""What rounding may do to a mean."""
FROZEN = "frozen"
BOOTSTRAP = "bootstrap"


@dataclass(frozen=True)
class Evidence:
    """A run's results and the resampled means of its queries' scores."""

    results: Results

    @cached_property
    def draws(self) -> Draws:
        return Draws(self.results.scores)


def domains(evidence: Evidence, split: str, night: str | None = None) -> list[str]:
    """Domains that were asked about after the last night, or another; of `test_seen` those with
    ENOUGH queries, since some data have a handful.
    """
    fewest = 1 if split == "test" else ENOUGH
    at = night or evidence.results.last
    draws = evidence.draws
    return [name for name in evidence.results.domains if draws.queries(at, name, split) >= fewest]


def first_nights(evidence: Evidence) -> dict[str, str]:
    """Of each domain: the first night with at least ENOUGH of its test queries."""
    firsts = {}
    for domain in domains(evidence, "test"):
        for night in evidence.results.nights:
            if evidence.draws.queries(night, domain, "test") >= ENOUGH:
                firsts[domain] = night
                break
    return firsts


def _over(names: Iterable[str], cell: Callable[[str], Floats | None]) -> Estimate | None:
    """The mean over domains; None where one is missing, or there are none."""
    cells = [cell(name) for name in names]
    there = [one for one in cells if one is not None]
    return estimate(np.mean(there, axis=0)) if there and len(there) == len(cells) else None


def average(
    evidence: Evidence,
    system: str,
    split: str = "test",
    measure: Measure = "ndcg",
    among: Sequence[str] | None = None,
) -> Estimate | None:
    """AP: the mean of the last row over all domains, or over some."""
    last = evidence.results.last
    return _over(
        domains(evidence, split) if among is None else among,
        lambda domain: evidence.draws.cell(system, last, domain, split, measure),
    )


def _gain(
    evidence: Evidence,
    system: str,
    other: str,
    night: str,
    domain: str,
    split: str,
    nights: tuple[str, ...] = (),
) -> Floats | None:
    ours = evidence.draws.cell(system, night, domain, split, nights=nights)
    theirs = evidence.draws.cell(other, night, domain, split, nights=nights)
    return None if ours is None or theirs is None else ours - theirs


def gain(
    evidence: Evidence,
    system: str,
    other: str,
    split: str = "test",
    among: Sequence[str] | None = None,
) -> Estimate | None:
    """The mean difference of two systems after the last night, paired by query."""
    last = evidence.results.last
    return _over(
        domains(evidence, split) if among is None else among,
        lambda domain: _gain(evidence, system, other, last, domain, split),
    )


def gains(
    evidence: Evidence,
    system: str,
    other: str,
    split: str = "test",
    night: str | None = None,
) -> dict[str, Estimate]:
    """The difference of two systems on each domain, after the last night or another."""
    found = {}
    for domain in domains(evidence, split, night):
        cell = _gain(evidence, system, other, night or evidence.results.last, domain, split)
        if cell is not None:
            found[domain] = estimate(cell)
    return found


def backward(evidence: Evidence, system: str, split: str = "test") -> Estimate | None:
    """BWT, against the frozen encoder on the same queries and the same index."""

    def moved(domain: str) -> Floats | None:
        both = (firsts[domain], evidence.results.last)
        then, now = (_gain(evidence, system, FROZEN, night, domain, split, both) for night in both)
        return None if then is None or now is None else now - then

    firsts = first_nights(evidence)
    return _over(_asked(evidence, firsts, split), moved)


def raw_backward(evidence: Evidence, system: str, split: str = "test") -> Estimate | None:
    """BWT without the frozen encoder: what the growing index costs is in it."""

    def moved(domain: str) -> Floats | None:
        both = (firsts[domain], evidence.results.last)
        then, now = (
            evidence.draws.cell(system, night, domain, split, nights=both) for night in both
        )
        return None if then is None or now is None else now - then

    firsts = first_nights(evidence)
    return _over(_asked(evidence, firsts, split), moved)


def forward(evidence: Evidence, system: str, split: str = "test") -> Estimate | None:
    """FWT: how good a domain is when it has just come."""
    firsts = first_nights(evidence)
    return _over(
        _asked(evidence, firsts, split),
        lambda domain: evidence.draws.cell(system, firsts[domain], domain, split),
    )


def _asked(evidence: Evidence, firsts: Mapping[str, str], split: str) -> list[str]:
    """Domains that were asked about in this split on their first night."""
    told = domains(evidence, split)
    return [
        name
        for name, night in firsts.items()
        if name in told and evidence.draws.queries(night, name, split)
    ]


def _as_written(evidence: Evidence, system: str, night: str, domain: str, split: str) -> float:
    """A mean of scores as results.json has it, with the splits that the data name."""
    asked, total = 0, 0.0
    for part in (split, UNNAMED) if split == "test_seen" else (split,):
        cell = evidence.draws.cell(system, night, domain, part)
        count = evidence.draws.queries(night, domain, part)
        if cell is not None and count:
            asked, total = asked + count, total + count * float(cell[0])
    return total / asked if asked else float("nan")


def disagreements(evidence: Evidence) -> list[str]:
    """Cells whose P in results.json is not the mean of their scores; nothing is, in a sound run."""
    found = []
    for name, system in evidence.results.systems.items():
        for night, row in system.get("P", {}).items():
            for domain, cell in row.items():
                for split, measure in (("test", "nDCG@10"), ("test_seen", "seen nDCG@10")):
                    drawn = _as_written(evidence, name, night, domain, split)
                    told = [one for one in cell.get(measure) or [] if one is not None]
                    if told and abs(float(np.mean(told)) - drawn) > TOLERANCE:
                        found.append(f"{name}, {night}, {domain}, {split}")
    return found
