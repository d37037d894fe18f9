"""The lexical leg: BM25 over the whole documents that are live.

    s(q, d) = Σ_t idf(t) · tf / (tf + k1 (1 - b + b |d| / mean |d|)),   t the stems of the query

with idf(t) = ln(1 + (N - n + ½) / (n + ½)) over the N live documents, n of which have t; k1 1.5,
b 0.75: X. H. Lù, "BM25S", 2024, whose library keeps the scores. Tokenising is done once for each
segment (`pipeline/words.py`); the scores are made when the first query comes, since a deletion
changes them all.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
from bm25s import BM25
from bm25s.tokenization import Tokenized

from pipeline.chosen import OnDemand
from pipeline.index import Found, Mask
from pipeline.segment import Segment
from pipeline.words import stems_of

# It tells of every query without words, and what a search prints is the searcher's.
logging.getLogger("bm25s").setLevel(logging.WARNING)


class Lexical:
    """Keyword search over segments; `live[i]` says which rows of segment i are there."""

    def __init__(self, segments: Sequence[Segment], live: Sequence[Mask]) -> None:
        self._segments = list(segments)
        self._live = list(live)
        self._kept: Mask | None = None

    def only(self, kept: Mask) -> Lexical:
        """The same scores, of these documents alone, by number."""
        other = copy(self)
        other._scores = self._scores
        other._kept = kept
        return other

    def search(self, queries: Sequence[str], k: int) -> list[list[Found]]:
        """The k best documents that share a word with each query; equal scores as they came."""
        return [self._best(stems, k) for stems in stems_of(queries)]

    def _best(self, stems: Sequence[str], k: int) -> list[Found]:
        scores = self._scores
        places = [scores.places[stem] for stem in stems if stem in scores.places]
        if scores.bm25 is None or not places or k < 1:
            return []
        found = scores.bm25.get_scores_from_ids(places)
        if self._kept is not None:
            found = np.where(self._kept[scores.numbers], found, 0)
        rows = np.flatnonzero(found > 0)
        if len(rows) > k:
            worst = -np.partition(-found[rows], k - 1)[k - 1]
            rows = rows[found[rows] >= worst]
        rows = rows[np.argsort(-found[rows], kind="stable")][:k]
        return [
            Found(number, 0, score)
            for number, score in zip(
                scores.numbers[rows].tolist(), found[rows].tolist(), strict=True
            )
        ]

    @cached_property
    def _scores(self) -> _Scores:
        """The score of every stem in every live document."""
        places: dict[str, int] = {}
        stems, lengths, numbers = [], [], []
        offset = 0
        for segment, live in zip(self._segments, self._live, strict=True):
            words = segment.words()
            here = [places.setdefault(stem, len(places)) for stem in words.vocabulary]
            each = np.diff(words.first)
            stems.append(np.array(here, np.int32)[words.stems[np.repeat(live, each)]])
            lengths.append(each[live])
            numbers.append(offset + np.flatnonzero(live))
            offset += len(live)
        first = np.concatenate([[0], *lengths]).cumsum()
        if not first[-1]:
            return _Scores({}, np.empty(0, np.int64), None)
        bm25 = BM25(backend="numpy", csc_backend="numpy")
        rows = _Rows(np.concatenate(stems), first)
        bm25.index(Tokenized(rows, places), create_empty_token=False, show_progress=False)
        return _Scores(places, np.concatenate(numbers), bm25)


@dataclass(frozen=True)
class _Scores:
    """`numbers[i]` is the document whose scores are row i; no `bm25` where there is no word."""

    places: dict[str, int]
    numbers: npt.NDArray[np.int64]
    bm25: BM25 | None


class _Rows(OnDemand[list[int]]):
    """The stems of each document; lists of them all would take many times the memory."""

    def __init__(self, stems: npt.NDArray[np.int32], first: npt.NDArray[np.int64]) -> None:
        self._stems = stems
        self._first = first

    def __len__(self) -> int:
        return len(self._first) - 1

    def _at(self, row: int) -> list[int]:
        found: list[int] = self._stems[self._first[row] : self._first[row + 1]].tolist()
        return found
