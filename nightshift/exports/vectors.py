"""`vectors`: every live passage with the frozen encoder's vector, as one parquet file."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from flows.live import Live
from nightshift.exports.base import Told, frozen_only
from nightshift.exports.passages import PLACE, live_passages

FILE = "vectors.parquet"
PAGE = """\
`vectors.parquet` has a row per passage, in the order of the index:

| column | what it is |
|---|---|
| `source`, `id` | whose passage it is |
| `passage` | its number among the document's, from 0 |
| `start`, `end` | where it lies in the document's text, in characters |
| `vector` | {dimension} × float32, a fixed size list: the frozen encoder's, of title and passage |

Experts change queries, not these vectors; what a head or an expert of both sides lays over a kind's
documents is not in here.

```python
import pyarrow.parquet as pq

for batch in pq.ParquetFile("vectors.parquet").iter_batches(1024):
    rows = batch.to_pylist()
```
"""


def write(live: Live, folder: Path, expert: str | None) -> Told:
    """Row group by row group: only the one that is being written is in memory."""
    frozen_only("vectors", expert)
    dimension = live.library.dimension
    schema = PLACE.append(pa.field("vector", pa.list_(pa.float32(), dimension)))
    count = 0
    with pq.ParquetWriter(folder / FILE, schema, compression="zstd") as file:
        for places, vectors in live_passages(live.library):
            column = pa.FixedSizeListArray.from_arrays(pa.array(vectors.ravel()), dimension)
            file.write_table(places.append_column(schema.field("vector"), column))
            count += len(vectors)
    line = f"{count:,} passages of {len(live.library):,} documents"
    return Told(line, PAGE.format(dimension=dimension))
