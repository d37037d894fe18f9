"""Which documents of a night belong together.

A night is cut into more clusters than it can have kinds; clusters that the encoder's layers
cannot tell apart are joined again. So a kind is found as a whole, though only a part of its
documents is odd when looked at one by one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import combinations

import numpy as np
import numpy.typing as npt
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from pipeline.kinds import ENOUGH, KindStatistics, Layers, spread

MOST_CLUSTERS = 8
SMALLEST_CLUSTER = 30
DIRECTIONS = 32
A_HANDFUL = 10
"""Fewer documents have no statistics to measure others by."""
LEVEL, ALIKE, ALIKE_IF_SMALL = 0.95, 0.7, 0.9
"""Two clusters are one kind unless this share of each lies beyond the other's 95 % level. A cluster
below SMALLEST_CLUSTER is more likely a splinter than a kind, so more is asked of it."""

Rows = npt.NDArray[np.int64]


def cut(features: Layers, seed: int) -> list[Rows]:
    """Cut documents into clusters of rows, by k-means on the main directions of their features."""
    few = _flat(features, spread(np.arange(len(features))))
    count = min(MOST_CLUSTERS, len(few) // SMALLEST_CLUSTER, len(np.unique(few, axis=0)))
    if count < 2:
        return [np.arange(len(features))]
    centre, scale = few.mean(axis=0), few.std(axis=0) + 1e-9
    few -= centre
    few /= scale
    main = PCA(min(DIRECTIONS, len(few) - 1, few.shape[1]), random_state=seed)
    points = main.fit_transform(few)
    means = KMeans(count, n_init=3, random_state=seed).fit(points)
    labels = means.labels_
    if len(few) < len(features):
        parts = np.array_split(np.arange(len(features)), -(-len(features) // ENOUGH))
        labels = np.concatenate(
            [means.predict(main.transform((_flat(features, p) - centre) / scale)) for p in parts]
        )
    return [np.flatnonzero(labels == label) for label in np.unique(labels)]


def join(clusters: Sequence[Rows], features: Layers, groups: npt.NDArray[np.uint64]) -> list[Rows]:
    """Join the two clusters that are most alike until no two are, largest first."""
    joined = dict(enumerate(clusters))
    known = {name: statistics_of(features, groups, rows) for name, rows in joined.items()}
    strange: dict[tuple[int, int], float] = {}
    while len(joined) > 1:
        for a, b in combinations(sorted(joined), 2):
            if (a, b) not in strange:
                ways = [(a, b), (b, a)]
                able = [way for way in ways if len(joined[way[0]]) >= A_HANDFUL]
                strange[a, b] = min(
                    beyond(known[x], features[spread(joined[y])]) for x, y in able or ways
                )
        a, b = min(strange, key=lambda pair: strange[pair] / _limit(joined, *pair))
        if strange[a, b] >= _limit(joined, a, b):
            break
        joined[a] = np.sort(np.concatenate([joined[a], joined.pop(b)]))
        known[a] = statistics_of(features, groups, joined[a])
        strange = {pair: share for pair, share in strange.items() if not {a, b} & set(pair)}
    return sorted(joined.values(), key=len, reverse=True)


def _limit(joined: Mapping[int, Rows], a: int, b: int) -> float:
    small = min(len(joined[a]), len(joined[b])) < SMALLEST_CLUSTER
    return ALIKE_IF_SMALL if small else ALIKE


def statistics_of(features: Layers, groups: npt.NDArray[np.uint64], rows: Rows) -> KindStatistics:
    few = spread(rows)
    return KindStatistics.of(features[few], groups[few])


def _flat(features: Layers, rows: Rows) -> npt.NDArray[np.float64]:
    return features[rows].reshape(len(rows), -1).astype(np.float64)


def beyond(known: KindStatistics, features: Layers) -> float:
    """The share of documents that lie beyond a kind's LEVEL."""
    return float((known.surprise(features) > LEVEL).mean())
