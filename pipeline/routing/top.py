"""Top-k: the KEPT nearest kinds share a query by a softmax, all others have nothing.

    w_k = softmax over the KEPT largest s_k / sharpness

DDR-topk (arXiv 2602.22547) keeps two of its router's eight; here kinds' centroids stand where there
are rows of weights (pipeline/routing/learned.py has those).
"""

from __future__ import annotations

import numpy as np

from pipeline.routing.base import Table
from pipeline.routing.softmax import softmax

KEPT = 2


def top(similarity: Table, sharpness: float) -> Table:
    """
    >>> top(np.array([[0.5, 0.5, 0.4]]), 0.05).tolist()
    [[0.5, 0.5, 0.0]]
    """
    kept = np.argsort(-similarity, axis=1, kind="stable")[:, :KEPT]
    weights = np.zeros_like(similarity)
    shares = softmax(np.take_along_axis(similarity, kept, axis=1), sharpness)
    np.put_along_axis(weights, kept, shares, axis=1)
    return weights
