"""Is there something new tonight? A test over the night with a promise in false alarms per year.

Each document has a surprise: the share of known documents that lie closer in, for the known kind
that suits it best. If nothing is new, a share 1 - LEVEL of the night lies beyond LEVEL. The test
asks whether it is more than that share plus an excess, at three levels: the lowest one sees kinds
that are near the known ones, the highest one sees few documents of a far kind in a large night.

Documents of one group are not independent and the yardstick itself is a sample, so the count is
beta-binomial, with an intraclass correlation read off the known documents.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.stats import betabinom, binom
from sklearn.metrics import roc_auc_score

from pipeline.kinds import KindStatistics
from pipeline.layers import Array

TAILS = {0.80: 0.10, 0.95: 0.05, 0.99: 0.03}
"""Level -> the excess over 1 - level that counts as something new (docs/decisions.md)."""
DRIFT_LEVEL = 0.95
"""Where a single layer is looked at, for people: the test itself takes all layers together."""
DRIFT_THRESHOLD = 1 - DRIFT_LEVEL + TAILS[DRIFT_LEVEL]
NEAR_BEST = 0.03
NIGHTS_PER_YEAR = 365


@dataclass(frozen=True)
class NightTest:
    """`shares[level]` of the night lie beyond that level; `p_value` under "nothing is new"."""

    shares: dict[float, float]
    p_value: float
    new: bool


def judge_night(
    surprise: Array,
    groups: npt.NDArray[np.uint64],
    known: Sequence[KindStatistics],
    false_alarms_per_year: float,
) -> NightTest:
    """Test a night against what is known; `surprise` is the smallest over the known kinds."""
    if not len(surprise):
        return NightTest(dict.fromkeys(TAILS, 0.0), 1.0, False)
    p_values = []
    for level, excess in TAILS.items():
        beyond = int((surprise > level).sum())
        design = _design(level, groups, known)
        p_values.append(_tail(beyond, len(surprise), 1 - level + excess, design))
    p_value = min(1.0, len(TAILS) * min(p_values))
    shares = {level: float((surprise > level).mean()) for level in TAILS}
    return NightTest(shares, p_value, p_value < false_alarms_per_year / NIGHTS_PER_YEAR)


def drift_by_layer(distances: Sequence[Array], known: Sequence[KindStatistics]) -> Array:
    """The share of a night that each layer puts beyond DRIFT_LEVEL of every known kind.

    `distances` holds one array (documents, layers) for each of `known`.
    """
    beyond = [
        far > np.quantile(kind.scores, DRIFT_LEVEL, axis=0)
        for far, kind in zip(distances, known, strict=True)
    ]
    everywhere = np.logical_and.reduce(beyond)
    return np.asarray(everywhere.sum(axis=0) / max(1, len(distances[0])))


def stands_out(surprise: Array) -> bool:
    """Whether a cluster, in a night that has something new, is what is new about it."""
    return any(
        binom.sf(int((surprise > level).sum()) - 1, len(surprise), 1 - level + excess) < 0.05
        for level, excess in TAILS.items()
    )


def informative_layers(known: Array, shuffled: Array) -> Array:
    """AUROC per layer of documents' distances before and after their words are shuffled.

    Shuffling keeps the topic and breaks the form. A layer that sees the difference tells kinds of
    text apart; one that does not (the embeddings, the last layer) only knows what it is about.

    >>> informative_layers(np.array([[1.0, 1.0], [2.0, 2.0]]), np.array([[3.0, 1.0], [4.0, 2.0]]))
    array([1. , 0.5])
    """
    truth = np.repeat([0, 1], [len(known), len(shuffled)])
    columns = range(known.shape[1])
    return np.array(
        [roc_auc_score(truth, np.r_[known[:, layer], shuffled[:, layer]]) for layer in columns]
    )


def choose_layers(auroc: Array) -> list[int]:
    """The layers within NEAR_BEST of the best one.

    >>> choose_layers(np.array([0.50, 0.56, 0.70, 0.78, 0.80, 0.61, 0.44]))
    [3, 4]
    """
    return [int(layer) for layer in np.flatnonzero(auroc >= auroc.max() - NEAR_BEST)]


def _design(level: float, groups: npt.NDArray[np.uint64], known: Sequence[KindStatistics]) -> float:
    """How much wider than binomial the count is: documents in groups, a finite yardstick."""
    night = len(groups)
    width = 0.0
    for kind in known:
        beyond = _beyond(kind, level)
        correlation = intraclass_correlation(beyond, kind.groups)
        tonight = _grouping(groups, correlation)
        yardstick = _grouping(kind.groups, correlation) * night / len(kind.groups)
        width = max(width, tonight + yardstick)
    return width


def _beyond(kind: KindStatistics, level: float) -> npt.NDArray[np.float64]:
    novelty = kind.novelty(kind.scores)
    return (novelty > np.quantile(novelty, level)).astype(np.float64)


def _grouping(groups: npt.NDArray[np.uint64], correlation: float) -> float:
    """Kish's design effect 1 + (Σ n² / n - 1) ρ."""
    sizes = np.unique(groups, return_counts=True)[1]
    return 1 + correlation * float((sizes**2).sum() / sizes.sum() - 1)


def intraclass_correlation(
    values: npt.NDArray[np.float64], groups: npt.NDArray[np.uint64]
) -> float:
    """The ANOVA estimate of how much documents of one group resemble each other, in [0, 1].

    >>> groups = np.repeat(np.arange(4, dtype=np.uint64), 2)
    >>> intraclass_correlation(np.array([0.0, 0, 1, 1, 0, 0, 1, 1]), groups)
    1.0
    """
    _, member, sizes = np.unique(groups, return_inverse=True, return_counts=True)
    count, total = len(sizes), len(values)
    if count < 2 or count == total:
        return 0.0
    means = np.bincount(member, values) / sizes
    between = float((sizes * (means - values.mean()) ** 2).sum()) / (count - 1)
    within = float(((values - means[member]) ** 2).sum()) / (total - count)
    typical = (total - float((sizes**2).sum()) / total) / (count - 1)
    spread = between + (typical - 1) * within
    return min(1.0, max(0.0, (between - within) / spread)) if spread > 0 else 0.0


def _tail(beyond: int, night: int, share: float, design: float) -> float:
    """P(count >= beyond) for a beta-binomial of that mean whose variance is `design` x binomial."""
    correlation = min(0.999, (design - 1) / max(1, night - 1))
    if correlation <= 1e-9:
        return float(binom.sf(beyond - 1, night, share))
    strength = (1 - correlation) / correlation
    return float(betabinom.sf(beyond - 1, night, share * strength, (1 - share) * strength))
