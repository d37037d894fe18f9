"""A shelf that is large enough for an approximate index, and questions near its passages."""

from __future__ import annotations

import numpy as np

from pipeline.encoder import Vectors
from pipeline.index import SMALL, Found, Shelf

DIMENSION = 8


def large_shelf() -> Shelf:
    """Passages around some hundred centres; every third document is gone."""
    random = np.random.default_rng(0)
    count = SMALL + 7000
    centres = random.normal(size=(100, DIMENSION))
    points = centres[random.integers(0, 100, count)] + 0.4 * random.normal(size=(count, DIMENSION))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    first = np.arange(0, count + 1, 2)
    live = np.arange(len(first) - 1) % 3 > 0
    return Shelf("large", points.astype(np.float32), first, live)


def questions_near(shelf: Shelf) -> Vectors:
    noise = np.random.default_rng(1).normal(size=(100, DIMENSION)).astype(np.float32)
    return shelf.vectors[:: len(shelf.vectors) // 100][:100] + 0.05 * noise


def pairs(found: list[list[Found]]) -> list[list[tuple[int, float]]]:
    return [[(hit.number, hit.score) for hit in hits] for hits in found]
