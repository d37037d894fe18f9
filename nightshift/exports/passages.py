"""The live passages of a version in the order of its index, some at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa

from pipeline.documents import Key
from pipeline.encoder import Vectors
from pipeline.library import Library
from pipeline.segment import Segment

DOCUMENTS_AT_ONCE = 1024
PLACE = pa.schema(
    [
        ("source", pa.string()),
        ("id", pa.string()),
        ("passage", pa.int32()),
        ("start", pa.int64()),
        ("end", pa.int64()),
    ]
)
"""Whose passage it is, its number among the document's, and where in its text it lies."""


def live_passages(library: Library) -> Iterator[tuple[pa.Table, Vectors]]:
    """Where some passages lie, and their vectors, row by row."""
    for name, segment in library.segments.items():
        dead = library.dead[name]
        rows = [row for row in range(len(segment.first) - 1) if row not in dead]
        for start in range(0, len(rows), DOCUMENTS_AT_ONCE):
            yield _some(segment, rows[start : start + DOCUMENTS_AT_ONCE])


def _some(segment: Segment, rows: Sequence[int]) -> tuple[pa.Table, Vectors]:
    places: list[tuple[Key, int, int, int]] = []
    for row in rows:
        for number, cut in enumerate(segment.passages(row)):
            places.append((segment.keys[row], number, cut.start, cut.end))
    table = pa.table(
        {
            "source": [key[0] for key, *_ in places],
            "id": [key[1] for key, *_ in places],
            "passage": [number for _, number, _, _ in places],
            "start": [start for *_, start, _ in places],
            "end": [end for *_, end in places],
        },
        PLACE,
    )
    first = segment.first
    wanted = np.concatenate([np.arange(first[row], first[row + 1]) for row in rows])
    return table, np.ascontiguousarray(segment.vectors[wanted], np.float32)
