"""The gate: does the candidate help its own kind, and does it hurt any other?

Every figure is a difference in nDCG@10, query by query, between the candidate and what is live,
over the whole index and through the router; intervals draw documents with all their queries
(pipeline/gains.py). A candidate is accepted when

    its own kind gains:   the one-sided 95 % bootstrap bound of the mean difference is above the
                          margin (and SYNTHETIC_MARGIN more where queries were made from documents),
    and nobody loses:     no other kind has a mean below -tolerance whose 90 % interval excludes 0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from pipeline.gains import Gains

SYNTHETIC_MARGIN = 0.01
FEWEST_QUERIES = 20
FEWEST_DOCUMENTS = 10


@dataclass(frozen=True)
class Bounds:
    """What a candidate must gain on its own kind, and what any other may lose, in nDCG@10."""

    margin: float = 0.0
    tolerance: float = 0.005


BOUNDS = Bounds()


class Change(NamedTuple):
    """What a kind gains or loses, with its 90 % interval."""

    mean: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """What the gate measured. `interval` is 90 % two-sided; `live` is the nDCG@10 of what is live,
    on the same queries as `gain`; of those so many find `better` and `worse` than before.
    """

    accepted: bool
    queries: int
    synthetic: bool
    gain: float
    interval: tuple[float, float]
    losses: Mapping[str, Change]
    reason: str
    live: float = 0.0
    better: int = 0
    worse: int = 0

    def as_json(self) -> dict[str, object]:
        return {
            "accepted": self.accepted,
            "queries": self.queries,
            "synthetic": self.synthetic,
            "live": self.live,
            "candidate": self.live + self.gain,
            "gain": self.gain,
            "better": self.better,
            "worse": self.worse,
            "interval": list(self.interval),
            "losses": {kind: list(figures) for kind, figures in self.losses.items()},
        }


def judge(
    own: Gains, others: Mapping[str, Gains], synthetic: bool, bounds: Bounds = BOUNDS
) -> Verdict:
    """Judge a candidate by its differences to what is live.

    >>> import numpy as np
    >>> better, same = Gains.alone(np.full(50, 0.1)), Gains.alone(np.zeros(50))
    >>> judge(better, {"k1": same}, synthetic=False).accepted
    True
    >>> judge(better + Gains.alone(np.array([-0.1, 0.0])), {}, synthetic=False).worse
    1
    >>> judge(better, {"k1": Gains.alone(np.full(50, -0.02))}, synthetic=False).reason
    'k1 would lose 2.0 points'
    """
    losses = measured(others)
    # The lower end of a two-sided 90 % interval is the one-sided 95 % bound.
    low, high = own.interval(0.90)
    gain = own.mean
    needed = bounds.margin + (SYNTHETIC_MARGIN if synthetic else 0.0)
    reason = _objection(own, low, needed, bounds.tolerance, losses)
    accepted = reason is None
    return Verdict(
        accepted,
        len(own),
        synthetic,
        gain,
        (low, high),
        losses,
        reason or f"gains {100 * gain:.1f} points on {len(own)} held-out queries",
        better=int((own.values > 0).sum()),
        worse=int((own.values < 0).sum()),
    )


def measured(others: Mapping[str, Gains]) -> dict[str, Change]:
    """Mean and 90 % interval of each kind's differences."""
    return {kind: Change(gains.mean, *gains.interval(0.90)) for kind, gains in others.items()}


def harm(changes: Mapping[str, Change], tolerance: float = BOUNDS.tolerance) -> str | None:
    """What speaks against going live: the first kind that surely loses more than is tolerated.

    >>> harm({"k1": Change(-0.02, -0.03, -0.01)})
    'k1 would lose 2.0 points'
    """
    for kind, (mean, _, high) in changes.items():
        if mean < -tolerance and high < 0:
            return f"{kind} would lose {-100 * mean:.1f} points"
    return None


def _objection(
    own: Gains, low: float, needed: float, tolerance: float, losses: Mapping[str, Change]
) -> str | None:
    if len(own) < FEWEST_QUERIES:
        return f"{len(own)} held-out queries are too few to judge by"
    if own.documents < FEWEST_DOCUMENTS:
        return f"queries about {own.documents} documents are too few to judge by"
    if low <= needed:
        return (
            f"its gain of {100 * own.mean:.1f} points is not certain "
            f"(at least {100 * low:.1f}, more than {100 * needed:.1f} needed)"
        )
    return harm(losses, tolerance)
