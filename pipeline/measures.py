"""How good answers are: ir_measures per query, means with bootstrap intervals."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import ir_measures
import numpy as np
import numpy.typing as npt

Scores = npt.NDArray[np.float64]
MEASURES = {
    "nDCG@10": ir_measures.nDCG @ 10,
    "R@100": ir_measures.R @ 100,
    "MRR@10": ir_measures.RR @ 10,
}
DEPTH = 100
RESAMPLES = 2000


def per_query(
    relevant: Sequence[Mapping[int, int]], found: Sequence[Sequence[int]]
) -> dict[str, Scores]:
    """Each measure for each query; documents are numbers, found ones best first.

    >>> scores = per_query([{7: 1}, {8: 1}], [[7, 9], [9, 8]])
    >>> scores["MRR@10"].tolist()
    [1.0, 0.5]
    """
    qrels = [
        ir_measures.Qrel(str(query), str(document), grade)
        for query, grades in enumerate(relevant)
        for document, grade in grades.items()
    ]
    # Ranks instead of scores: evaluators break ties by identifier, a user sees our order.
    run = [
        ir_measures.ScoredDoc(str(query), str(document), -float(rank))
        for query, documents in enumerate(found)
        for rank, document in enumerate(documents)
    ]
    scores = {name: np.zeros(len(relevant)) for name in MEASURES}
    names: dict[Any, str] = {measure: name for name, measure in MEASURES.items()}
    for metric in ir_measures.iter_calc(list(MEASURES.values()), qrels, run):
        scores[names[metric.measure]][int(metric.query_id)] = metric.value
    return scores


def interval(
    values: Scores,
    confidence: float,
    about: npt.NDArray[np.int64] | None = None,
    seed: int = 0,
) -> tuple[float, float]:
    """Two-sided percentile bootstrap interval of the mean, resampling queries; where `about` says
    which document each is about, resampling documents with all their queries.

    >>> interval(np.array([1.0, 1.0, 1.0]), 0.95)
    (1.0, 1.0)
    """
    if not len(values):
        return (0.0, 0.0)
    each = np.arange(len(values)) if about is None else np.unique(about, return_inverse=True)[1]
    sums, counts = np.bincount(each, values), np.bincount(each)
    random = np.random.default_rng(seed)
    draws = (random.integers(len(sums), size=len(sums)) for _ in range(RESAMPLES))
    means = [sums[drawn].sum() / counts[drawn].sum() for drawn in draws]
    tail = (1 - confidence) / 2
    low, high = np.quantile(means, [tail, 1 - tail])
    return (float(low), float(high))
