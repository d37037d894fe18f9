"""The documents of a segment's file, read some at a time when one of them is asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import overload

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from pipeline.chosen import Chosen
from pipeline.documents import Document

FIELDS = ("source", "id", "title", "text", "metadata")
TOGETHER = 256
"""Documents that are read at once: a row group of the file."""
KEPT = 8
"""Row groups at hand: whoever reads in order reads each once."""


class Texts(Sequence[Document]):
    """All documents of a parquet file with a column per field, in their order."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._kept: OrderedDict[int, list[Document]] = OrderedDict()

    def __len__(self) -> int:
        return int(self._ends[-1])

    @overload
    def __getitem__(self, row: int) -> Document: ...

    @overload
    def __getitem__(self, row: slice) -> Chosen[Document]: ...

    def __getitem__(self, row: int | slice) -> Document | Chosen[Document]:
        if isinstance(row, slice):
            return Chosen(self, range(len(self))[row])
        row = range(len(self))[row]
        group = int(np.searchsorted(self._ends, row, side="right")) - 1
        return self._group(group)[row - int(self._ends[group])]

    def _group(self, number: int) -> list[Document]:
        if number not in self._kept:
            table = pq.ParquetFile(self._file).read_row_group(number, columns=list(FIELDS))
            self._kept[number] = [Document(**row) for row in table.to_pylist()]
            if len(self._kept) > KEPT:
                self._kept.popitem(last=False)
        return self._kept[number]

    @cached_property
    def _ends(self) -> npt.NDArray[np.int64]:
        page = pq.read_metadata(self._file)
        sizes = [page.row_group(number).num_rows for number in range(page.num_row_groups)]
        return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
