"""Overlays: the documents of a kind as its own expert sees them, laid over their frozen vectors.

documents.parquet   a row per document: its key, the hash of its text, how many passages it has
vectors.npy         a row per passage

A query q that its route gives to the expert scores these documents, and all others, by

    a head g       ½ q·f(d) + ½ g(f(q))·g(f(d))                others  ½ q·f(d) + ½ g(f(q))·f(d)
    re-encoding    a (½ f(q)·f(d) + ½ e(q)·e(d)) + b           others  q·f(d)

A head changes vectors a little, so hits of either compare as they are; where an expert e has
encoded documents anew, a and b give both spaces the same location and spread. Frozen vectors stay
where they are: without its overlay, an index is what it was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.documents import Key
from pipeline.encoder import Encoder, Vectors
from pipeline.experts.base import Expert
from pipeline.head import Head
from pipeline.index import Found, Index, Mask, Shelf
from pipeline.library import Library
from pipeline.progress import Progress, silent

COMPARED = 100
"""Scores of so many best documents are made alike; those further down are nobody's rivals."""


class Scale(NamedTuple):
    """An affine map of scores; the slope is positive, so it never changes an order by itself."""

    slope: float
    shift: float


AS_IS = Scale(1.0, 0.0)


@dataclass(frozen=True)
class Part:
    """Documents that one night laid over; `first[i]` is the first vector of document i."""

    keys: tuple[Key, ...]
    text_hashes: tuple[str, ...]
    first: npt.NDArray[np.int64]
    vectors: Vectors

    def without(self, key: Key) -> Self:
        """The part as if the document had never been laid over."""
        kept = np.array([other != key for other in self.keys], bool)
        lengths = np.diff(self.first)
        return type(self)(
            tuple(other for other in self.keys if other != key),
            tuple(h for h, stays in zip(self.text_hashes, kept, strict=True) if stays),
            np.concatenate([[0], np.cumsum(lengths[kept], dtype=np.int64)]),
            self.vectors[np.repeat(kept, lengths)],
        )

    def save(self, folder: Path) -> None:
        table = pa.table(
            {
                "source": pa.array([source for source, _ in self.keys], pa.string()),
                "id": pa.array([id_ for _, id_ in self.keys], pa.string()),
                "text_hash": pa.array(self.text_hashes, pa.string()),
                "passages": pa.array(np.diff(self.first).tolist(), pa.int64()),
            }
        )
        pq.write_table(table, folder / "documents.parquet", compression="zstd")
        np.save(folder / "vectors.npy", self.vectors, allow_pickle=False)

    @classmethod
    def load(cls, folder: Path) -> Self:
        table = pq.read_table(folder / "documents.parquet").to_pydict()
        return cls(
            tuple(zip(table["source"], table["id"], strict=True)),
            tuple(table["text_hash"]),
            np.concatenate([[0], np.cumsum(table["passages"], dtype=np.int64)]),
            np.load(folder / "vectors.npy", mmap_mode="r", allow_pickle=False),
        )


@dataclass(frozen=True)
class Overlay:
    """All that was laid over for one expert, night by night, and how its scores are read."""

    parts: tuple[Part, ...]
    scale: Scale = AS_IS
    head: Head | None = None
    """What rewrote the documents, unless the expert itself has encoded them."""

    def vectors(self, library: Library) -> dict[int, Vectors]:
        """The vectors of each document that is still there and still says what it said."""
        found: dict[int, Vectors] = {}
        for part in self.parts:
            for row, (key, text_hash) in enumerate(zip(part.keys, part.text_hashes, strict=True)):
                number = library.number_of.get(key)
                if number is not None and library.text_hash(number) == text_hash:
                    found[number] = part.vectors[part.first[row] : part.first[row + 1]]
        return found


def lay_by(head: Head, library: Library, keys: Iterable[Key]) -> Part:
    """These documents, where they are live, through a head."""
    there = sorted(key for key in set(keys) if key in library.number_of)
    vectors = [library.vectors(library.number_of[key]) for key in there]
    rewritten = head.rewrite(np.concatenate(vectors)) if vectors else np.empty((0, 0), np.float32)
    return _part(library, there, [len(some) for some in vectors], rewritten)


def lay(
    encoder: Encoder,
    expert: Expert,
    library: Library,
    keys: Iterable[Key],
    progress: Progress = silent,
) -> Part:
    """These documents, where they are live, through the expert."""
    there = sorted(key for key in set(keys) if key in library.number_of)
    texts = [library.texts(library.number_of[key]) for key in there]
    with expert.attached():
        encoded = encoder.encode_documents([text for some in texts for text in some], progress)
    return _part(library, there, [len(some) for some in texts], encoded.vectors)


def _part(library: Library, keys: Sequence[Key], passages: Sequence[int], vectors: Vectors) -> Part:
    return Part(
        tuple(keys),
        tuple(library.text_hash(library.number_of[key]) for key in keys),
        np.concatenate([[0], np.cumsum(passages, dtype=np.int64)]),
        vectors,
    )


class Overlaid:
    """An index with an overlay on it, for the queries of the overlay's expert."""

    def __init__(self, overlay: Overlay, library: Library, index: Index) -> None:
        learned = overlay.vectors(library)
        self.numbers = sorted(learned)
        self.scale, self.head = overlay.scale, overlay.head
        self.beneath = index.without(self.numbers)
        pairs = [np.hstack([library.vectors(n), learned[n]]) for n in self.numbers]
        self.first = np.concatenate([[0], np.cumsum([len(p) for p in pairs], dtype=np.int64)])
        self.vectors = np.concatenate(pairs) if pairs else np.empty((0, 2), np.float32)
        live = np.ones(len(pairs), bool)
        self.above = Index([Shelf("overlay", self.vectors, self.first, live)])

    def only(self, kept: Mask) -> Overlaid:
        """The same with no other documents than these, by number in the index."""
        other = copy(self)
        other.beneath = self.beneath.only(kept)
        other.above = self.above.only(kept[self.numbers])
        return other

    def search(
        self, composed: Vectors, frozen: Vectors, learned: Vectors, k: int
    ) -> list[list[Found]]:
        """The k best of both, best first; equal scores in order of arrival."""
        low, high = composed, both_halves(frozen, learned)
        if self.head is not None:
            rewritten = self.head.rewrite(frozen)
            low, high = (composed + rewritten) / np.float32(2), both_halves(composed, rewritten)
        beneath = self.beneath.search(low, k)
        if not self.numbers:
            return beneath
        above = self.above.search(high, k)
        return [
            sorted(
                [*near, *(self._calibrated(hit) for hit in laid)],
                key=lambda hit: (-hit.score, hit.number),
            )[:k]
            for near, laid in zip(beneath, above, strict=True)
        ]

    def _calibrated(self, hit: Found) -> Found:
        score = self.scale.slope * hit.score + self.scale.shift
        return Found(self.numbers[hit.number], hit.passage, score)


def calibrate(overlaid: Overlaid, composed: Vectors, frozen: Vectors, learned: Vectors) -> Scale:
    """The scale at which the overlaid documents score as they do beneath, for these queries.

    Mean and standard deviation of each query's best scores, over all queries, are made the same.
    """
    if not overlaid.numbers or not len(frozen):
        return AS_IS
    beneath = _best(composed, overlaid.vectors[:, : frozen.shape[1]], overlaid.first)
    above = _best(both_halves(frozen, learned), overlaid.vectors, overlaid.first)
    spread, own = beneath.std(axis=1).mean(), above.std(axis=1).mean()
    slope = float(spread / own) if spread > 0 and own > 0 else 1.0
    return Scale(slope, float(beneath.mean() - slope * above.mean()))


def both_halves(frozen: Vectors, learned: Vectors) -> Vectors:
    """One query vector whose inner product with [f(d), e(d)] is the score."""
    halves: Vectors = np.hstack([frozen, learned]) / np.float32(2)
    return halves


def _best(
    queries: Vectors, passages: Vectors, first: Sequence[int] | npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """Scores of each query's best documents: (queries, COMPARED)."""
    documents = np.maximum.reduceat(queries @ passages.T, np.asarray(first)[:-1], axis=1)
    return np.sort(documents, axis=1)[:, -COMPARED:].astype(np.float64)
