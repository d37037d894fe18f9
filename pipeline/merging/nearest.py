"""Which two experts to merge: those whose kinds' questions lie nearest to each other."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from pipeline.composition.base import unit
from pipeline.encoder import Vectors


def nearest_pair(prototypes: Mapping[str, Vectors]) -> tuple[str, str, float] | None:
    """Two experts and the cosine of their mean prototypes; None of fewer than two.

    >>> east, north = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    >>> nearest_pair({"e1": east, "e2": north, "e3": np.array([[3.0, 4.0]])})
    ('e2', 'e3', 0.8)
    """
    if len(prototypes) < 2:
        return None
    names = sorted(prototypes)
    centres = unit(np.stack([prototypes[name].mean(axis=0) for name in names]))
    near = centres @ centres.T
    a, b = max(combinations(range(len(names)), 2), key=lambda pair: near[pair])
    return names[a], names[b], round(float(near[a, b]), 6)
