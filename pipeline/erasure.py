"""Erasing a document from what was written once: the row stays, empty, and nothing finds it.

Numbers and tombstones refer to rows, so a row cannot go. What it held can: its fields, its hashes,
its vectors, its features and its words. `Library` counts erased rows as dead in every version.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.segment import DOCUMENTS, ERASED, LAYERS, VECTORS, Segment
from pipeline.texts import FIELDS

BLANK = {**dict.fromkeys((*FIELDS, "text_hash", "content_hash"), ""), "starts": []}
"""An erased row: no text has an empty hash, and a document without passages is never found."""


def erase(segment: Segment, rows: Iterable[int], folder: Path) -> None:
    """Write the segment without what these rows held into an empty folder."""
    gone = sorted(segment.erased | set(rows))
    kept = np.ones(len(segment.keys), bool)
    kept[gone] = False
    old = pq.ParquetFile(segment.folder / DOCUMENTS)
    row = 0
    with pq.ParquetWriter(folder / DOCUMENTS, old.schema_arrow, compression="zstd") as new:
        for group in range(old.num_row_groups):
            lines = old.read_row_group(group).to_pylist()
            there = kept[row : row + len(lines)]
            blanked = [line if here else BLANK for line, here in zip(lines, there, strict=True)]
            new.write_table(pa.Table.from_pylist(blanked, schema=old.schema_arrow))
            row += len(lines)
    vectors = segment.vectors[np.repeat(kept, np.diff(segment.first))]
    np.save(folder / VECTORS, vectors, allow_pickle=False)
    layers = np.where(kept[:, None, None], segment.layers, np.float16(0))
    np.save(folder / LAYERS, layers, allow_pickle=False)
    segment.words().only(kept).save(folder)
    np.save(folder / ERASED, np.array(gone, np.int64), allow_pickle=False)
