"""The documents of a version: its segments, minus the documents that later nights replaced.

Documents are numbered through all segments in order, dead ones included, so a number means the
same document as long as the segments stand.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from nightshift.errors import UsageError
from pipeline.chosen import Joined
from pipeline.documents import Document, Key, Passage, passage_text
from pipeline.encoder import Vectors
from pipeline.index import EXACT, NOTHING_BUILT, Built, Index, Mask, Shelf
from pipeline.lexical import Lexical
from pipeline.segment import Segment

Dead = Mapping[str, frozenset[int]]
"""Segment name -> rows of documents that are no longer there."""


FILTERED = 'index.search("WORDS", where=Filter(sources=("NAME",), id_prefix="START"))'


@dataclass(frozen=True)
class Filter:
    """Which documents may be found: those of any of these sources and of any of these segments,
    whose id starts so. None asks for nothing.

    >>> shop = Filter(sources=("shop", "wiki"), id_prefix="tv-")
    >>> shop.matches(("shop", "tv-1")), shop.matches(("shop", "pc-1")), shop.matches(("x", "tv-1"))
    (True, False, False)
    """

    sources: tuple[str, ...] | None = None
    segments: tuple[str, ...] | None = None
    id_prefix: str | None = None

    def __post_init__(self) -> None:
        """A bare text would fit whatever is a part of it."""
        for name, told in (("sources", self.sources), ("segments", self.segments)):
            if told is not None and not _are_names(told):
                message = f"{name} of a filter is a tuple of names, not {told!r}"
                raise UsageError(message, hint=FILTERED)
        if not isinstance(self.id_prefix, str | None):
            message = f"id_prefix of a filter is a text, not {self.id_prefix!r}"
            raise UsageError(message, hint=FILTERED)

    def matches(self, key: Key) -> bool:
        """Whether it fits a document of any segment."""
        source, id_ = key
        named = self.sources is None or source in self.sources
        return named and id_.startswith(self.id_prefix or "")


def _are_names(told: object) -> bool:
    return isinstance(told, tuple) and all(isinstance(name, str) for name in told)


EVERYTHING = Filter()


class Library:
    """All segments of a version by name, in order of arrival, and which of their rows are dead."""

    def __init__(self, segments: Mapping[str, Segment], dead: Dead) -> None:
        self.segments = dict(segments)
        self.dead = {
            name: frozenset(dead.get(name, ())) | segment.erased
            for name, segment in self.segments.items()
        }

    @cached_property
    def number_of(self) -> dict[Key, int]:
        """The number of each live document."""
        return {
            key: offset + row
            for offset, (name, segment) in zip(self._offsets, self.segments.items(), strict=False)
            for row, key in enumerate(segment.keys)
            if row not in self.dead[name]
        }

    def __len__(self) -> int:
        return len(self.number_of)

    @property
    def dimension(self) -> int:
        """Numbers in a vector."""
        return next((int(some.vectors.shape[1]) for some in self.segments.values()), 0)

    def content_hash(self, key: Key) -> str | None:
        """The content of a live document, or None where there is none of that name."""
        if key not in self.number_of:
            return None
        segment, row = self._place(self.number_of[key])
        return segment.content_hashes[row]

    def text_hash(self, number: int) -> str:
        segment, row = self._place(number)
        return segment.text_hashes[row]

    @cached_property
    def documents(self) -> Sequence[Document]:
        """All documents by number, dead ones included."""
        return Joined([segment.documents for segment in self.segments.values()])

    def document(self, number: int) -> Document:
        return self.documents[number]

    def passage(self, number: int, part: int) -> Passage:
        segment, row = self._place(number)
        return segment.passage(row, part)

    def segment_name(self, number: int) -> str:
        return list(self.segments)[self._shelf(number)]

    def vectors(self, number: int) -> Vectors:
        """The vectors of a document's passages."""
        segment, row = self._place(number)
        return segment.vectors[segment.first[row] : segment.first[row + 1]]

    def texts(self, number: int) -> list[str]:
        """What the encoder reads of a document, passage by passage."""
        document = self.document(number)
        parts = range(len(self.vectors(number)))
        return [passage_text(document, self.passage(number, part)) for part in parts]

    def without(self, keys: Iterable[Key]) -> dict[str, frozenset[int]]:
        """The dead rows after these documents have died too."""
        dead = {name: set(rows) for name, rows in self.dead.items()}
        names = list(self.segments)
        for key in keys:
            number = self.number_of[key]
            shelf = self._shelf(number)
            dead[names[shelf]].add(number - self._offsets[shelf])
        return {name: frozenset(rows) for name, rows in dead.items() if rows}

    def matching(self, where: Filter) -> Mask:
        """Which documents a filter lets through, by number."""
        parts = [
            np.fromiter(map(where.matches, segment.keys), bool, len(segment.keys))
            if where.segments is None or name in where.segments
            else np.zeros(len(segment.keys), bool)
            for name, segment in self.segments.items()
        ]
        return np.concatenate([np.empty(0, bool), *parts])

    def index(
        self, factory: str = EXACT, cache: Path | None = None, built: Built = NOTHING_BUILT
    ) -> Index:
        """A search index over the live documents."""
        return Index([self._shelve(name) for name in self.segments], factory, cache, built)

    @cached_property
    def lexical(self) -> Lexical:
        """Keyword search over the live documents."""
        return Lexical(list(self.segments.values()), [self._live(name) for name in self.segments])

    def _shelve(self, name: str) -> Shelf:
        segment = self.segments[name]
        return Shelf(name, segment.vectors, segment.first, self._live(name))

    def _live(self, name: str) -> Mask:
        live = np.ones(len(self.segments[name].first) - 1, bool)
        live[list(self.dead[name])] = False
        return live

    @cached_property
    def _offsets(self) -> list[int]:
        sizes = [len(segment.first) - 1 for segment in self.segments.values()]
        return [int(offset) for offset in np.concatenate([[0], np.cumsum(sizes)])]

    def _shelf(self, number: int) -> int:
        return int(np.searchsorted(self._offsets, number, side="right")) - 1

    def _place(self, number: int) -> tuple[Segment, int]:
        shelf = self._shelf(number)
        return list(self.segments.values())[shelf], number - self._offsets[shelf]
