"""Rows out of parquet files, some at a time.

A parquet file is read from its end. What is hashed on the way is therefore copied to an anonymous
file first, and what is read is the copy.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from typing import BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from pipeline.columns import Columns, Layout
from pipeline.files import File, Refused
from pipeline.packed import EXPANSION_LIMIT, room
from pipeline.parquet_pages import extent
from pipeline.readers import Quarantined, Record

ROWS = 64
"""Rows in memory at a time, unless they are long."""
BYTES = 8 * 2**20
HELD = 64 * 2**20
"""Bytes that the rows in memory may come to if each is the longest one."""
ROW = 64
"""Bytes that a row or a value in a list counts for besides its cells: a kilobyte may declare 10**12
rows."""


def read_parquet(file: File, columns: Columns) -> Iterator[Record | Quarantined]:
    """The rows of a file, counted from 1; damage is noted once, after the rows before it."""
    number = 0
    with tempfile.TemporaryFile() as copy:
        shutil.copyfileobj(file.stream, copy, 2**20)
        try:
            table = pq.ParquetFile(copy, pre_buffer=False)
            layout = columns.bind(table.schema_arrow.names, file.place)
            for batch in _batches(table, layout, copy, file.size):
                for row in range(batch.num_rows):
                    number += 1
                    yield record(batch, row, layout, f"{file.place}:{number}")
        except Refused as refused:
            yield Quarantined(f"{file.place}:{number + 1}", str(refused))
        except (pa.ArrowException, OSError, ValueError) as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise
            where = f"{file.place}:{number + 1}" if number else file.place
            yield Quarantined(where, "not a parquet file, or a damaged one")


def _batches(
    table: pq.ParquetFile, layout: Layout, pages: BinaryIO, size: int
) -> Iterator[pa.RecordBatch]:
    """A few rows at a time, within the bounds of every packed file."""
    left = room(size)
    facts = table.metadata
    groups = [facts.row_group(n) for n in range(facts.num_row_groups)]
    if sum(group.total_byte_size for group in groups) + ROW * facts.num_rows > left:
        raise _bomb()
    for number in range(len(groups)):
        rows = _rows_at_once(table, number, layout, pages, left)
        for batch in table.iter_batches(rows, [number], layout.needed, use_threads=False):
            left -= batch.nbytes + ROW * batch.num_rows
            if left < 0:
                raise _bomb()
            yield batch


def _rows_at_once(
    table: pq.ParquetFile, number: int, layout: Layout, pages: BinaryIO, left: int
) -> int:
    """How many rows of a group are read at a time, before any is: each may be the longest one."""
    group = table.metadata.row_group(number)
    size = longest = 0
    for place in range(group.num_columns):
        column, chunk = table.schema.column(place), group.column(place)
        if not any(f"{column.path}.".startswith(f"{name}.") for name in layout.needed):
            continue
        fixed = column.length if column.physical_type == "FIXED_LEN_BYTE_ARRAY" else 0
        is_list = column.max_repetition_level > 0
        found = extent(pages, chunk, exactly=is_list)
        size += found.size + found.values * fixed  # pyarrow makes room for all, null or not
        if is_list:  # whose values may all be in one row
            size += found.values * (ROW + found.longest)
        else:
            longest += found.longest
    if max(size, longest) > left:
        raise _bomb()
    usual = size // max(int(group.num_rows), 1)
    return max(1, min(ROWS, BYTES // max(usual, 1), HELD // max(longest, 1)))


def record(batch: pa.RecordBatch, row: int, layout: Layout, where: str) -> Record | Quarantined:
    """A row as the object that a JSON line would hold, or why it is none."""
    try:
        return Record(where, layout.fields(_Row(batch, row)))
    except Refused as refused:
        return Quarantined(where, str(refused))
    except (pa.ArrowException, ValueError, OverflowError):
        return Quarantined(where, "a value that cannot be read")


class _Row(dict[str, object]):
    """The cells of one row, turned into Python's own values when asked for."""

    def __init__(self, batch: pa.RecordBatch, row: int) -> None:
        super().__init__()
        self._batch, self._row = batch, row

    def __missing__(self, name: str) -> object:
        return self._batch.column(name)[self._row].as_py()


def _bomb() -> Refused:
    return Refused(f"unpacks to more than {EXPANSION_LIMIT} times its size")
