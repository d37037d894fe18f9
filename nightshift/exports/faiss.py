"""`faiss`: one index of all live passages, and which row of it is which document."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flows.live import Live
from nightshift.exports.base import Told, frozen_only
from nightshift.exports.passages import PLACE, live_passages
from pipeline.encoder import Vectors
from pipeline.one_index import write_index

INDEX, ROWS = "index.faiss", "rows.parquet"
SCHEMA = PLACE.insert(0, pa.field("row", pa.int64()))
PAGE = """\
`index.faiss` is an inner-product index (`{factory}`) of the frozen encoder's vectors, one for each
of {count:,} passages. Row n of `rows.parquet` says what its number n stands for: `source`, `id`,
which `passage` of the document it is, and where in its text it lies (`start`, `end`). A document of
several passages may come up several times: keep its best.

Ask with the frozen encoder's query vectors (`nightshift export sentence-transformers`, without an
expert); routes, experts, heads and keyword search are not in an index of vectors.

```python
import faiss
import pyarrow.parquet as pq

index = faiss.read_index("index.faiss")
rows = pq.read_table("rows.parquet")
scores, numbers = index.search(index.reconstruct_n(0, 1), 10)
hits = rows.take(numbers[0][numbers[0] >= 0])
```
"""


def write(live: Live, folder: Path, expert: str | None) -> Told:
    """The rows are streamed; the index itself lies in memory, as FAISS has it."""
    frozen_only("faiss", expert)
    factory = live.settings.index
    with pq.ParquetWriter(folder / ROWS, SCHEMA, compression="zstd") as file:
        portions = _told(live, file)
        count = write_index(portions, live.library.dimension, folder / INDEX, factory)
    line = f"{count:,} passages of {len(live.library):,} documents, {factory}"
    return Told(line, PAGE.format(factory=factory, count=count))


def _told(live: Live, file: pq.ParquetWriter) -> Iterator[Vectors]:
    """The vectors, whose places are written down on the way."""
    row = 0
    for places, vectors in live_passages(live.library):
        numbers = pa.array(np.arange(row, row + len(vectors)))
        file.write_table(places.add_column(0, SCHEMA.field("row"), numbers))
        row += len(vectors)
        yield vectors
