"""A candidate: a way to serve a kind, and what the gate says of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from pipeline.experts.base import Expert
from pipeline.experts.weights import Weights
from pipeline.gains import Gains
from pipeline.gate import Verdict
from pipeline.overlay import Overlay
from pipeline.router import Router
from pipeline.training import Training
from pipeline.tried import Heard, Tried


@dataclass(frozen=True)
class Candidate:
    """A way to serve a kind: the router that leads there, and what the gate says of it."""

    expert: Expert
    router: Router
    own: Gains
    verdict: Verdict
    training: Training | None
    first_fold: Gains = field(default_factory=Gains.none)
    """Gains on the first fold, of an expert taught without it; none without cross-fitting."""
    overlay: Overlay | None = None
    """The kind's documents as the expert sees them, if it speaks for both sides."""
    heard: tuple[Heard, ...] = ()
    """The queries of `own`, as the dense leg answers them through whoever did not learn from them.
    """


@dataclass(frozen=True)
class Part:
    """What an expert taught without a fold makes of it; nothing, where nobody could be taught."""

    tried: Tried = field(default_factory=Tried)
    training: Training | None = None
    weights: Weights = field(default_factory=dict)
    headed: Tried = field(default_factory=Tried)
    """The same queries where a head, taught likewise, has rewritten the documents too."""
    head: Weights = field(default_factory=dict)


def with_first_fold(candidate: Candidate, parts: Sequence[Tried]) -> Candidate:
    """The candidate, with its gains on the first fold if there are folds."""
    return replace(candidate, first_fold=parts[0].gains) if parts else candidate


def surely_more(better: Gains, simpler: Gains) -> bool:
    """Whether one is higher than the other, query by query, with confidence.

    >>> import numpy as np
    >>> high, low = Gains.alone(np.full(40, 0.1)), Gains.alone(np.zeros(40))
    >>> surely_more(high, low), surely_more(low, low)
    (True, False)
    """
    low, _ = (better - simpler).interval(0.90)
    return low > 0
