"""What queries gain, and which document each of them asks about.

Queries about one document rise and fall together, so what is drawn anew for an interval are
documents, each with all its queries (cluster bootstrap). Drawn one by one, ten documents with 45
queries each would let three of ten useless candidates pass a test that promises one of twenty
(`tests/unit/test_gains.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

from pipeline.measures import Scores, interval


@dataclass(frozen=True)
class Gains:
    """Differences query by query; `about[i]` numbers the document that query i asks about.

    >>> gains = Gains.alone(np.array([0.1, 0.3])) + Gains(np.array([0.2]), np.array([1]))
    >>> len(gains), gains.documents, round(gains.mean, 2)
    (3, 2, 0.2)
    """

    values: Scores
    about: npt.NDArray[np.int64]

    @classmethod
    def none(cls) -> Self:
        return cls(np.empty(0), np.empty(0, np.int64))

    @classmethod
    def alone(cls, values: Scores) -> Self:
        """Every query asks about a document of its own."""
        return cls(values, np.arange(len(values)))

    @classmethod
    def of(cls, values: Scores, relevant: Sequence[frozenset[int]]) -> Self:
        """Where several documents answer a query, the first of them stands for it."""
        return cls(values, np.array([min(documents) for documents in relevant], np.int64))

    def __len__(self) -> int:
        return len(self.values)

    def __add__(self, other: Self) -> Self:
        return type(self)(
            np.concatenate([self.values, other.values]), np.concatenate([self.about, other.about])
        )

    def __sub__(self, other: Self) -> Self:
        """The same queries, asked in another way."""
        return type(self)(self.values - other.values, self.about)

    def last(self, queries: int) -> Self:
        start = len(self) - queries
        return type(self)(self.values[start:], self.about[start:])

    @property
    def mean(self) -> float:
        return float(self.values.mean()) if len(self) else 0.0

    @property
    def documents(self) -> int:
        return len(np.unique(self.about))

    def interval(self, confidence: float) -> tuple[float, float]:
        """Of the mean, two-sided."""
        return interval(self.values, confidence, self.about)
