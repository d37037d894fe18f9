"""Ours: every kind has its share, w_k = softmax_k(s_k / sharpness)."""

from __future__ import annotations

import numpy as np

from pipeline.routing.base import Table


def softmax(similarity: Table, sharpness: float) -> Table:
    """
    >>> softmax(np.array([[0.5, 0.5]]), 0.05).tolist()
    [[0.5, 0.5]]
    """
    weights = np.exp((similarity - similarity.max(axis=1, keepdims=True)) / sharpness)
    normal: Table = weights / weights.sum(axis=1, keepdims=True)
    return normal
