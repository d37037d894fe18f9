"""DAR's rule: how much a document resembles the nearest prototype of a known kind.

    p_k = mean of the vectors of kind k, at length one;    newness(x) = 1 - max_k cos(x, p_k)

"DAR", arXiv 2605.31229 (2026): a new data set trains on an old adapter if its prototype resembles
that adapter's by more than a threshold. The vectors are the encoder's own, at length one: here
the normalised last layer. The paper does not print its threshold, so the rule for a night is ours:
one threshold for all kinds, the 95 % quantile of known documents that made no prototype, and
`share_beyond` of it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.detectors.base import Alarm, Detector, Groups, Known, directions, parts, share_beyond
from pipeline.kinds import Layers
from pipeline.layers import Array


@dataclass(frozen=True)
class Prototypes(Detector):
    """Prototypes (kinds, dimension), and what held-out known documents score."""

    prototypes: Array
    yardstick: Array

    def look(self, features: Layers) -> Array:
        return np.asarray(1 - (directions(features[:, -1]) @ self.prototypes.T).max(axis=1))

    def rate(self, seen: Array) -> Array:
        return seen

    def judge(self, seen: Array, groups: Groups) -> Alarm:
        return share_beyond(seen, self.yardstick)


@dataclass(frozen=True)
class PrototypeSimilarity:
    """
    >>> random = np.random.default_rng(0)
    >>> known = Known(random.normal(size=(300, 2, 8)) + 2, np.arange(300, dtype=np.uint64))
    >>> fitted = PrototypeSimilarity().fit([known], seed=0)
    >>> fitted.score(-known.features).min() > fitted.score(known.features).max()
    np.True_
    """

    def fit(self, known: Sequence[Known], seed: int) -> Prototypes:
        """Nothing here is random."""
        learn, read = zip(*(parts(kind) for kind in known), strict=True)
        means = [directions(part[:, -1]).mean(axis=0) for part in learn]
        fitted = Prototypes(directions(means).astype(np.float64), np.empty(0))
        yardstick = np.concatenate([fitted.look(part) for part in read])
        return Prototypes(fitted.prototypes, yardstick)
