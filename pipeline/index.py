"""One search over all live documents: a FAISS index per immutable segment, results merged.

Up to some hundred thousand passages an exact scan costs no more than encoding the query, so it is
the default; a FAISS factory string such as "HNSW32" or "IVF256,Flat" makes the larger segments
approximate (pipeline/approximate.py). Those are kept as files (pipeline/index_cache.py). An
approximate index that must pass over many dead documents loses live ones on the way, so where few
are alive, and wherever it finds too few, the live ones are scanned.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from copy import copy
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import faiss
import numpy as np
import numpy.typing as npt

from pipeline.approximate import parameters, selective, trained
from pipeline.encoder import Vectors
from pipeline.index_cache import keep, kept

EXACT = "Flat"
SMALL = 10_000
"""Segments of fewer live passages are always searched exactly."""
SCORES = 2**22
"""What a scan holds at once, at most."""

Mask = npt.NDArray[np.bool_]
Built = Mapping[tuple[str, str], faiss.Index]
"""FAISS indexes by the name of their shelf and by factory."""
NOTHING_BUILT: Built = {}


@dataclass(frozen=True)
class Shelf:
    """A segment as search sees it: `first[i]` is the first vector of document i."""

    name: str
    vectors: Vectors
    first: npt.NDArray[np.int64]
    live: Mask

    @property
    def thin(self) -> bool:
        """Whether so little is alive that a scan of it is the better search."""
        alive = int(np.diff(self.first)[self.live].sum())
        return alive < SMALL or 2 * alive < len(self.vectors)


@dataclass(frozen=True)
class Found:
    """A document found: its number in the index, its passage that matched, the score."""

    number: int
    passage: int
    score: float


class Index:
    """Exact or approximate inner-product search over shelves; a hit is a document.

    What is `built` already, for a shelf of the same name, is not built again.
    """

    def __init__(
        self,
        shelves: Sequence[Shelf],
        factory: str = EXACT,
        cache: Path | None = None,
        built: Built = NOTHING_BUILT,
    ) -> None:
        self.shelves = list(shelves)
        self._factory = factory
        self._searchers = [
            _Searcher(shelf, _faiss(shelf, factory, cache, built)) for shelf in self.shelves
        ]
        sizes = [len(shelf.live) for shelf in self.shelves]
        self._offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(int).tolist()

    @property
    def documents(self) -> int:
        return sum(int(shelf.live.sum()) for shelf in self.shelves)

    @property
    def built(self) -> Built:
        """What another index over some of these shelves need not build again."""
        return {
            (searcher.shelf.name, self._factory): searcher.faiss
            for searcher in self._searchers
            if searcher.faiss is not None
        }

    def without(self, numbers: Sequence[int]) -> Index:
        """The same index with some documents hidden; the vectors are shared, not copied."""
        kept = np.ones(self._offsets[-1], bool)
        kept[list(numbers)] = False
        return self._narrowed(kept, exactly=False)

    def only(self, kept: Mask) -> Index:
        """The same index over these documents alone, searched exactly: what an approximate one
        comes across may be none of them.
        """
        return self._narrowed(kept, exactly=True)

    def _narrowed(self, kept: Mask, exactly: bool) -> Index:
        other = copy(self)
        other.shelves = [
            replace(shelf, live=shelf.live & kept[offset : offset + len(shelf.live)])
            for offset, shelf in zip(self._offsets, self.shelves, strict=False)
        ]
        other._searchers = [
            _Searcher(shelf, searcher.faiss, exactly or searcher.exactly)
            for shelf, searcher in zip(other.shelves, self._searchers, strict=True)
        ]
        return other

    def search(self, queries: Vectors, k: int) -> list[list[Found]]:
        """The k best documents for each query, best first; equal scores in order of arrival."""
        hits: list[list[Found]] = [[] for _ in queries]
        for offset, searcher in zip(self._offsets, self._searchers, strict=False):
            for line, found in enumerate(searcher.search(queries, k)):
                hits[line].extend(Found(offset + row, part, score) for row, part, score in found)
        return [sorted(found, key=lambda hit: (-hit.score, hit.number))[:k] for found in hits]


class _Searcher:
    """Search over one shelf, with its dead documents left out: by FAISS, or by a scan where that
    is asked for or better, or there is no FAISS index.
    """

    def __init__(self, shelf: Shelf, index: faiss.Index | None, exactly: bool = False) -> None:
        self.shelf = shelf
        self.faiss = index
        self.exactly = exactly
        sizes = np.diff(shelf.first)
        self.owner = np.repeat(np.arange(len(shelf.live)), sizes)
        alive = shelf.live[self.owner]
        self.passages = int(alive.sum())
        self.documents = int((shelf.live & (sizes > 0)).sum())
        bits = np.packbits(alive, bitorder="little")
        self.selector = None if alive.all() else faiss.IDSelectorBitmap(bits)
        self._scans = not isinstance(index, faiss.IndexFlat) and (exactly or shelf.thin)

    def search(self, queries: Vectors, k: int) -> list[list[tuple[int, int, float]]]:
        """(document, passage, score) of up to k documents for each query."""
        wanted = min(k, self.documents)
        if not wanted or not len(queries):
            return [[] for _ in queries]
        queries = np.ascontiguousarray(queries, np.float32)
        found = self._deepening(queries, wanted, self._scans)
        short = [line for line, hits in enumerate(found) if len(hits) < wanted]
        if short:
            scanned = self._deepening(queries[short], wanted, True)
            for line, hits in zip(short, scanned, strict=True):
                found[line] = hits
        return found

    def _deepening(
        self, queries: Vectors, wanted: int, scan: bool
    ) -> list[list[tuple[int, int, float]]]:
        several = self.passages > self.documents
        depth = min(self.passages, wanted + 1 + several * (wanted + 8))
        while True:
            scores, rows = self._passages(queries, depth, scan)
            found = [self._documents(*line, wanted) for line in zip(rows, scores, strict=True)]
            # Where the last one seen is as good as the last one wanted, more may be as good;
            # where none is in the last place, FAISS knows of no more.
            enough = (
                last < 0 or (len(hits) == wanted and worst < hits[-1][2])
                for hits, worst, last in zip(
                    found, scores[:, -1].tolist(), rows[:, -1].tolist(), strict=True
                )
            )
            if depth >= self.passages or all(enough):
                return found
            depth = min(self.passages, 2 * depth)

    def _passages(
        self, queries: Vectors, depth: int, scan: bool
    ) -> tuple[Vectors, npt.NDArray[np.int64]]:
        """Scores and rows of the `depth` best passages."""
        if scan or self.faiss is None:
            return self._scan.search(queries, depth)
        found: tuple[Vectors, npt.NDArray[np.int64]] = self.faiss.search(
            queries, depth, params=parameters(self.faiss, self.selector)
        )
        return found

    @cached_property
    def _scan(self) -> _Scan:
        return _Scan(self.shelf)

    def _documents(
        self, rows: npt.NDArray[np.int64], scores: Vectors, wanted: int
    ) -> list[tuple[int, int, float]]:
        best: dict[int, tuple[int, int, float]] = {}
        order = np.lexsort((rows, -scores))
        for row, score in zip(rows[order].tolist(), scores[order].tolist(), strict=True):
            if row >= 0 and len(best) < wanted:
                document = int(self.owner[row])
                passage = row - int(self.shelf.first[document])
                best.setdefault(document, (document, passage, score))
        return list(best.values())


class _Scan:
    """Exact search over the live passages of a shelf whose FAISS index is approximate, some at a
    time: nothing is copied to stay.
    """

    def __init__(self, shelf: Shelf) -> None:
        self._vectors = shelf.vectors
        self._rows = np.flatnonzero(np.repeat(shelf.live, np.diff(shelf.first)))

    def search(self, queries: Vectors, depth: int) -> tuple[Vectors, npt.NDArray[np.int64]]:
        """Scores and rows of the `depth` best, like FAISS; there are at least so many."""
        best = np.empty((len(queries), 0), np.float32)
        rows = np.empty((len(queries), 0), np.int64)
        step = max(depth, min(SMALL, SCORES // len(queries)))
        for start in range(0, len(self._rows), step):
            some = self._rows[start : start + step]
            best = np.hstack([best, queries @ self._vectors[some].T])
            rows = np.hstack([rows, np.broadcast_to(some, (len(queries), len(some)))])
            order = np.argsort(-best, axis=1, kind="stable")[:, :depth]
            best = np.take_along_axis(best, order, axis=1)
            rows = np.take_along_axis(rows, order, axis=1)
        return best, rows


def _faiss(shelf: Shelf, factory: str, cache: Path | None, built: Built) -> faiss.Index | None:
    """None where the shelf will be scanned: what has died stays dead."""
    exact = factory == EXACT or len(shelf.vectors) < SMALL
    if shelf.thin and not exact:
        return None
    if (shelf.name, factory) in built:
        return built[shelf.name, factory]
    return _exact(shelf.vectors) if exact else _approximate(shelf, factory, cache)


def _exact(vectors: Vectors) -> faiss.Index:
    index = faiss.IndexFlatIP(vectors.shape[1])
    index.add(np.ascontiguousarray(vectors, np.float32))
    return index


def _approximate(shelf: Shelf, factory: str, cache: Path | None) -> faiss.Index:
    """The index that was kept for this segment, if it holds as many vectors; else a new one."""
    if cache is not None:
        index = kept(cache, shelf.name, factory)
        if index is not None and (index.ntotal, index.d) == shelf.vectors.shape:
            return selective(index, factory)
    index = selective(trained(shelf.vectors, factory), factory)
    if cache is not None:
        # Whoever may only read makes it anew each time.
        with suppress(OSError, RuntimeError):
            keep(index, cache, shelf.name, factory)
    return index
