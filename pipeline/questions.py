"""The queries that a kind of text is known by: those that teach, and the tenth that judges.

Each comes with its frozen vector, so that nothing is encoded twice, and retires with its document.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Self

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.documents import REAL, SPAN, TERMS, Key, Pair
from pipeline.encoder import Vectors
from pipeline.pairs import judges

MOST = 8000
"""Pairs that a kind keeps at most; the newest stay."""
ENOUGH_REAL = 20
"""With fewer real queries than this, queries made from the documents stand in for them."""


@dataclass(frozen=True)
class Questions:
    """Pairs and the frozen vectors of their queries, row by row."""

    pairs: tuple[Pair, ...]
    vectors: Vectors

    @classmethod
    def none(cls, dimension: int) -> Self:
        return cls((), np.empty((0, dimension), np.float32))

    def __len__(self) -> int:
        return len(self.pairs)

    @classmethod
    def all_of(cls, parts: Sequence[Self]) -> Self:
        """Parts one after the other: nothing is left out."""
        pairs = tuple(pair for part in parts for pair in part.pairs)
        return cls(pairs, np.concatenate([part.vectors for part in parts]))

    def __add__(self, other: Self) -> Self:
        """Both, every pair once: the MOST that are worth keeping."""
        known = set(self.pairs)
        fresh = [row for row, pair in enumerate(other.pairs) if pair not in known]
        pairs = self.pairs + tuple(other.pairs[row] for row in fresh)
        vectors = np.concatenate([self.vectors, other.vectors[fresh]])
        whole = type(self)(pairs, vectors)
        return whole if len(whole) <= MOST else whole.take(whole._worth_keeping())

    def _worth_keeping(self) -> list[int]:
        """MOST rows: real ones before made ones, of either the newest."""
        by_worth = sorted(
            range(len(self)), key=lambda row: (self.pairs[row].origin == REAL, row), reverse=True
        )
        return sorted(by_worth[:MOST])

    def where(self, wanted: Callable[[Pair], bool]) -> Self:
        return self.take([row for row, pair in enumerate(self.pairs) if wanted(pair)])

    def take(self, rows: Sequence[int]) -> Self:
        rows = list(rows)
        return type(self)(tuple(self.pairs[row] for row in rows), self.vectors[rows])

    def some(self, most: int, random: np.random.Generator) -> Self:
        """All pairs of so many queries at most: of a query that keeps a part of its answers, the
        others would count as wrong."""
        asked = list(self.answers)
        drawn = {asked[place] for place in random.permutation(len(asked))[:most]}
        return self.where(lambda pair: pair.query in drawn)

    @cached_property
    def answers(self) -> dict[str, frozenset[Key]]:
        """Each query's documents."""
        found: dict[str, set[Key]] = {}
        for pair in self.pairs:
            found.setdefault(pair.query, set()).add(pair.key)
        return {query: frozenset(keys) for query, keys in found.items()}

    @property
    def teaching(self) -> Self:
        """Queries that may teach: none of their documents belongs to the judging tenth."""
        return self.where(
            lambda pair: (
                pair.origin != TERMS and not any(judges(key) for key in self.answers[pair.query])
            )
        )

    @property
    def typical(self) -> Self:
        """Queries that show how this kind is asked about: real ones where there are enough."""
        return self.teaching.real_if_enough()

    @property
    def judging(self) -> Self:
        """Queries that may judge: all their documents belong to the judging tenth."""
        return self.where(
            lambda pair: (
                pair.origin != SPAN and all(judges(key) for key in self.answers[pair.query])
            )
        ).real_if_enough()

    def real_if_enough(self) -> Self:
        real = self.where(lambda pair: pair.origin == REAL)
        return real if len(real) >= ENOUGH_REAL else self

    @property
    def synthetic(self) -> bool:
        """Whether any query was made from the documents."""
        return any(pair.origin != REAL for pair in self.pairs)

    def save(self, folder: Path) -> None:
        columns: dict[str, Sequence[str]] = {
            "query": [pair.query for pair in self.pairs],
            "source": [pair.key[0] for pair in self.pairs],
            "id": [pair.key[1] for pair in self.pairs],
            "origin": [pair.origin for pair in self.pairs],
        }
        table = pa.table({name: pa.array(values, pa.string()) for name, values in columns.items()})
        pq.write_table(table, folder / "questions.parquet", compression="zstd")
        np.save(folder / "vectors.npy", self.vectors, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        rows = pq.read_table(folder / "questions.parquet").to_pylist()
        pairs = tuple(Pair(row["query"], (row["source"], row["id"]), row["origin"]) for row in rows)
        return cls(pairs, np.load(folder / "vectors.npy", allow_pickle=False))
