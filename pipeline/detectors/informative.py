"""Ours: a Gaussian for each informative layer of each known kind, all layers together.

    novelty(x) = mean_l (log d_l(x)² - median_l) / mad_l      per kind; the least over the kinds

d_l is the Mahalanobis distance under a Ledoit-Wolf covariance, median and mad are those of the
kind's own documents, each measured by Gaussians that never saw its group. A night is judged by
`pipeline.detector.judge_night`: the shares beyond three levels against a beta-binomial that knows
that documents of one title stick together, at one false alarm a year.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.detector import judge_night
from pipeline.detectors.base import FALSE_ALARMS_PER_YEAR, Alarm, Detector, Groups, Known
from pipeline.kinds import KindStatistics, Layers
from pipeline.layers import Array


@dataclass(frozen=True)
class InformativeLayers:
    """`layers` are those that `pipeline.detector.choose_layers` picks.

    >>> random = np.random.default_rng(0)
    >>> features, groups = random.normal(size=(200, 3, 4)), np.arange(200, dtype=np.uint64)
    >>> fitted = InformativeLayers([1]).fit([Known(features, groups)], seed=0)
    >>> fitted.alarm(random.normal(size=(50, 3, 4)), groups[:50]).new
    False
    >>> fitted.alarm(random.normal(size=(50, 3, 4)) + 3, groups[:50]).new
    True
    """

    layers: Sequence[int]

    def fit(self, known: Sequence[Known], seed: int) -> Gaussians:
        """Nothing here is random."""
        layers = tuple(self.layers)
        return Gaussians(tuple(learned(kind, layers) for kind in known), layers)


@dataclass(frozen=True)
class Gaussians(Detector):
    """Statistics of each known kind on these layers."""

    kinds: tuple[KindStatistics, ...]
    layers: tuple[int, ...]

    def look(self, features: Layers) -> Array:
        """Distances (documents, kinds, layers)."""
        chosen = features[:, list(self.layers)]
        return np.stack([kind.distances(chosen) for kind in self.kinds], axis=1)

    def rate(self, seen: Array) -> Array:
        columns = [kind.novelty(seen[:, n]) for n, kind in enumerate(self.kinds)]
        return np.asarray(np.min(columns, axis=0))

    def judge(self, seen: Array, groups: Groups) -> Alarm:
        """The score is the share beyond the 95 % level."""
        columns = [kind.rank(seen[:, n]) for n, kind in enumerate(self.kinds)]
        surprise = np.asarray(np.min(columns, axis=0))
        test = judge_night(surprise, groups, self.kinds, FALSE_ALARMS_PER_YEAR)
        return Alarm(test.new, test.shares[0.95])


def learned(kind: Known, layers: tuple[int, ...]) -> KindStatistics:
    chosen = list(layers)
    return kind.once(layers, lambda: KindStatistics.of(kind.features[:, chosen], kind.groups))
