"""DAR's margin: the nearest kind if it leads by MARGIN, else the two nearest by a softmax.

    M = s_(1) - s_(2);    M >= MARGIN: w_(1) = 1;    else w = softmax(s_(1), s_(2) / sharpness)

DAR (arXiv 2605.31229), equation 4 and after; .05 is the paper's margin, its temperature is not
printed. The paper takes the similarity of a query *and its answer*; here it is the query's alone.
"""

from __future__ import annotations

import numpy as np

from pipeline.routing.base import Table
from pipeline.routing.nearest import nearest
from pipeline.routing.softmax import softmax

MARGIN = 0.05


def margin(similarity: Table, sharpness: float) -> Table:
    """
    >>> margin(np.array([[0.50, 0.60, 0.1], [0.59, 0.59, 0.57]]), 0.05).tolist()
    [[0.0, 1.0, 0.0], [0.5, 0.5, 0.0]]
    """
    if similarity.shape[1] < 2:
        return nearest(similarity, sharpness)
    ranked = np.sort(similarity, axis=1)
    second = ranked[:, [-2]]
    both = softmax(np.where(_two_best(similarity), similarity, -np.inf), sharpness)
    leads = ranked[:, [-1]] - second >= MARGIN
    return np.where(leads, nearest(similarity, sharpness), both)


def _two_best(similarity: Table) -> np.ndarray[tuple[int, ...], np.dtype[np.bool_]]:
    best = np.argsort(-similarity, axis=1, kind="stable")[:, :2]
    chosen = np.zeros(similarity.shape, bool)
    np.put_along_axis(chosen, best, True, axis=1)
    return chosen
