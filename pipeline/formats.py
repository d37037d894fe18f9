"""Which files hold documents, a record each, and who reads them."""

from __future__ import annotations

from collections.abc import Iterator

from pipeline.columns import Columns
from pipeline.files import File
from pipeline.packed import PACKED
from pipeline.parquet import read_parquet
from pipeline.readers import Quarantined, Record, read_objects
from pipeline.tables import read_table

JSON_LINES = (".jsonl", *(f".jsonl{packed}" for packed in PACKED))
TABLES = tuple(f".{kind}{packed}" for kind in ("csv", "tsv") for packed in ("", *PACKED))
PARQUET = ".parquet"
RECORDS = (*JSON_LINES, *TABLES, PARQUET)
TEXTS = (".md", ".txt", ".html", ".htm")
TOLD = ".jsonl, .csv or .tsv (also packed as .gz or .zst) or .parquet"


def read_records(file: File, columns: Columns) -> Iterator[Record | Quarantined]:
    """The records of a file by the end of its name; `columns` says what those of a table mean.

    >>> from pipeline.columns import USUAL
    >>> list(read_records(File.holding("a.csv", b"id,text\\n7,Low tide\\n"), USUAL))
    [Record(where='a.csv:2', fields={'_id': '7', 'text': 'Low tide'})]
    """
    name = file.name.lower()
    if name.endswith(PARQUET):
        return read_parquet(file, columns)
    if name.endswith(TABLES):
        return read_table(file, columns)
    return read_objects(file)
