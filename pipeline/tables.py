"""Rows out of CSV and TSV files: a header, then a record a row, which may span lines."""

from __future__ import annotations

import csv
from collections.abc import Iterator

from pipeline.columns import Columns
from pipeline.files import File, Refused
from pipeline.readers import LINE_LIMIT, Quarantined, Record, decode, raw_lines

# The csv module's own limit, 128 kB, is shorter than a long document.
csv.field_size_limit(LINE_LIMIT)
QUOTE = b'"'


def read_table(file: File, columns: Columns) -> Iterator[Record | Quarantined]:
    """The rows of a file with a header, each at the line where it begins.

    A file that is not a table at all gives one note; a header without an id is a `BatchError`.
    """
    lines = _Lines(file)
    tabs = ".tsv" in file.name.lower()[-8:]
    rows = csv.reader(lines, strict=True, delimiter="\t" if tabs else ",")
    layout, names = None, list[str]()
    while True:
        where = f"{file.place}:{lines.begin_record()}"
        try:
            row = next(rows, None)
            if row is None:
                return
            lines.check_record()
            if not row:
                continue
            if layout is None:
                names = row
                layout = columns.bind(names, file.place)
                continue
            if len(row) != len(names):
                raise Refused(f"{len(row)} columns where the header has {len(names)}")
            yield Record(where, layout.fields(dict(zip(names, row, strict=True))))
        except csv.Error as error:
            ended = "unexpected end of data" in str(error)
            reason = "a quoted field that begins here does not end" if ended else str(error)
            yield Quarantined(where, str(lines.trouble or f"not a valid row: {reason}"))
        except Refused as refused:
            yield Quarantined(where, str(refused))
            if lines.over or layout is None:
                return


class _Lines:
    """The lines of a table for the csv module; notes what is wrong with the record in progress.

    Of a record beyond the limit the module sees only whether its quotes open and close: it keeps
    nothing, and does not take the rest of the field for rows.
    """

    def __init__(self, file: File) -> None:
        self._raw = raw_lines(file)
        self._number = 0
        self._size = 0
        self.trouble: Refused | None = None
        self.over = False

    def begin_record(self) -> int:
        self._size, self.trouble = 0, None
        return self._number + 1

    def check_record(self) -> None:
        if self.trouble:
            raise self.trouble

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        try:
            raw = next(self._raw)
        except Refused:
            self.over = True
            raise
        self._number += 1
        if raw is None:
            raw = b"\n"
            self._size = LINE_LIMIT
        self._size += len(raw)
        if self._size > LINE_LIMIT:
            self.trouble = Refused(f"longer than {LINE_LIMIT:,} bytes")
            raw = QUOTE * (raw.count(QUOTE) % 2)
        try:
            return decode(raw)
        except Refused as refused:
            self.trouble = self.trouble or refused
            return raw.decode("utf-8", "replace")
