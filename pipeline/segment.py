"""A segment: some documents as the frozen encoder sees them, written once and never changed.

documents.parquet   a row per document: its fields, its hashes, where its passages start
vectors.npy         a row per passage, in the order of the documents
layers.npy          a row per document: its features at the informative layers
words.parquet       a row per document: its stems; with vocabulary.parquet, for keyword search
erased.npy          only where documents were purged: their rows, which are empty
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from nightshift.errors import EncoderError
from pipeline.documents import Document, Key, Passage
from pipeline.encoder import Vectors
from pipeline.texts import FIELDS, Texts, portions
from pipeline.words import WORDS, Words

DOCUMENTS, VECTORS, LAYERS = "documents.parquet", "vectors.npy", "layers.npy"
ERASED = "erased.npy"
SCHEMA = pa.schema(
    [(name, pa.string()) for name in (*FIELDS, "text_hash", "content_hash")]
    + [("starts", pa.list_(pa.int64()))]
)
AT_ONCE = 4_096
"""Vectors that are looked at together."""


@dataclass(frozen=True)
class Segment:
    """A segment read from its folder; texts are read when asked for."""

    folder: Path

    @cached_property
    def keys(self) -> list[Key]:
        table = pq.read_table(self.folder / DOCUMENTS, columns=["source", "id"])
        sources = map(sys.intern, table["source"].to_pylist())
        return list(zip(sources, table["id"].to_pylist(), strict=True))

    @cached_property
    def erased(self) -> frozenset[int]:
        """Rows whose document was purged."""
        file = self.folder / ERASED
        return frozenset(np.load(file, allow_pickle=False).tolist() if file.exists() else ())

    @cached_property
    def content_hashes(self) -> list[str]:
        return self._column("content_hash")

    @cached_property
    def text_hashes(self) -> list[str]:
        return self._column("text_hash")

    @cached_property
    def first(self) -> npt.NDArray[np.int64]:
        """`first[i]` to `first[i + 1]` are the vector rows of document i."""
        return self._starts[0]

    @cached_property
    def vectors(self) -> Vectors:
        vectors: Vectors = np.load(self.folder / VECTORS, mmap_mode="r", allow_pickle=False)
        return vectors

    @cached_property
    def layers(self) -> npt.NDArray[np.float16]:
        layers: npt.NDArray[np.float16] = np.load(
            self.folder / LAYERS, mmap_mode="r", allow_pickle=False
        )
        return layers

    @cached_property
    def documents(self) -> Texts:
        return Texts(self.folder / DOCUMENTS)

    def words(self) -> Words:
        """The documents' words, which are not kept at hand; an older segment is read for them."""
        written = (self.folder / WORDS).exists()
        return Words.load(self.folder) if written else Words.of(self.documents)

    def passage(self, document: int, number: int) -> Passage:
        """The stretch of the document's text that its `number`th vector stands for."""
        first, starts = self._starts
        row, after = int(first[document]) + number, int(first[document + 1])
        last = row + 1 == after
        end = len(self.documents[document].text) if last else int(starts[row + 1])
        return Passage(int(starts[row]), end)

    def passages(self, document: int) -> list[Passage]:
        count = int(self.first[document + 1] - self.first[document])
        return [self.passage(document, number) for number in range(count)]

    @cached_property
    def _starts(self) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
        """`first`, and for every row of vectors where its passage starts."""
        column = pq.read_table(self.folder / DOCUMENTS, columns=["starts"])["starts"]
        counts = pc.list_value_length(column).to_numpy()
        first = np.concatenate([[0], np.cumsum(counts, dtype=np.int64)])
        return first, pc.list_flatten(column).to_numpy()

    def _column(self, name: str) -> list:  # type: ignore[type-arg]
        values: list = pq.read_table(self.folder / DOCUMENTS, columns=[name])[name].to_pylist()  # type: ignore[type-arg]
        return values


def write_segment(
    folder: Path,
    documents: Sequence[Document],
    passages: Sequence[Sequence[Passage]],
    vectors: Vectors,
    layers: npt.NDArray[np.float16],
) -> None:
    """Write a segment into an empty folder; refuse vectors that no search could use."""
    if len(vectors) != sum(len(cuts) for cuts in passages) or len(layers) != len(documents):
        raise ValueError("a segment needs a vector for each passage, features for each document")
    parts = [slice(start, start + AT_ONCE) for start in range(0, len(vectors), AT_ONCE)]
    if not (np.isfinite(layers).all() and all(_usable(vectors[part]) for part in parts)):
        raise EncoderError("the encoder made a vector that is not finite or has no length")
    if len({document.key for document in documents}) != len(documents):
        raise ValueError("a segment holds each document once")
    row = 0
    with pq.ParquetWriter(folder / DOCUMENTS, SCHEMA, compression="zstd") as file:
        for some in portions(documents):
            file.write_table(_table(some, passages[row : row + len(some)]))
            row += len(some)
    np.save(folder / VECTORS, vectors.astype(np.float32, copy=False), allow_pickle=False)
    np.save(folder / LAYERS, layers.astype(np.float16, copy=False), allow_pickle=False)
    Words.of(documents).save(folder)


def _usable(vectors: Vectors) -> bool:
    return bool(np.isfinite(vectors).all() and (np.linalg.norm(vectors, axis=1) >= 1e-6).all())


def _table(documents: Sequence[Document], passages: Sequence[Sequence[Passage]]) -> pa.Table:
    columns = {
        **{name: [getattr(document, name) for document in documents] for name in FIELDS},
        "text_hash": [document.text_hash for document in documents],
        "content_hash": [document.content_hash for document in documents],
        "starts": [[cut.start for cut in cuts] for cuts in passages],
    }
    return pa.table(columns, SCHEMA)
