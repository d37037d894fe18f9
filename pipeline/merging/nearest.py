"""Which two experts to merge: those whose kinds' questions lie nearest to each other."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np

from pipeline.encoder import Vectors


def nearest_pair(prototypes: Mapping[str, Vectors]) -> tuple[str, str, float] | None:
    """Two experts and the cosine of their mean prototypes; None of fewer than two.

    >>> east, north = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    >>> nearest_pair({"e1": east, "e2": north, "e3": np.array([[3.0, 4.0]])})
    ('e2', 'e3', 0.8)
    """
    centres = {name: points.mean(axis=0) for name, points in prototypes.items()}
    near = [
        (float(centres[a] @ centres[b] / _lengths(centres[a], centres[b])), a, b)
        for a, b in combinations(sorted(centres), 2)
    ]
    if not near:
        return None
    cosine, a, b = max(near, key=lambda one: one[0])
    return a, b, round(cosine, 6)


def _lengths(a: Vectors, b: Vectors) -> float:
    return float(np.linalg.norm(a) * np.linalg.norm(b))
