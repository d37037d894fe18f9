"""Our statistic on every layer, together and one by one: where does a new kind of text show?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from pipeline.detectors.base import Known
from pipeline.detectors.informative import Gaussians, InformativeLayers
from pipeline.kinds import KindStatistics
from pipeline.layers import Array


@dataclass(frozen=True)
class EveryLayer:
    """
    >>> random = np.random.default_rng(0)
    >>> known = Known(random.normal(size=(99, 3, 2)), np.arange(99, dtype=np.uint64))
    >>> fitted = EveryLayer().fit([known], seed=0)
    >>> one_by_one(fitted, fitted.look(random.normal(size=(5, 3, 2)))).shape
    (5, 3)
    """

    def fit(self, known: Sequence[Known], seed: int) -> Gaussians:
        return InformativeLayers(range(known[0].features.shape[1])).fit(known, seed)


def one_by_one(fitted: Gaussians, seen: Array) -> Array:
    """The novelty (documents, layers) that each layer would give if it were the only one."""
    return np.stack(
        [
            _alone(fitted, layer).rate(seen[:, :, layer : layer + 1])
            for layer in range(len(fitted.layers))
        ],
        axis=1,
    )


def _alone(fitted: Gaussians, layer: int) -> Gaussians:
    return Gaussians(tuple(_only(kind, layer) for kind in fitted.kinds), (fitted.layers[layer],))


def _only(kind: KindStatistics, layer: int) -> KindStatistics:
    moments = tuple((fold[layer],) for fold in kind.moments)
    return replace(kind, moments=moments, scores=kind.scores[:, layer : layer + 1])
