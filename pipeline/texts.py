"""The documents of a segment's file, read some at a time when one of them is asked for."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from threading import Lock

import numpy as np
import numpy.typing as npt
import pyarrow.parquet as pq

from pipeline.chosen import OnDemand
from pipeline.documents import Document

FIELDS = ("source", "id", "title", "text", "metadata")
TOGETHER, TOGETHER_CHARACTERS = 256, 2**18
"""Documents that are read at once, a row group of the file; fewer where they are long."""
KEPT = 2**23
"""Characters of row groups at hand, of all files: whoever reads in order reads each once."""

_kept: OrderedDict[tuple[Path, int], tuple[int, list[Document]]] = OrderedDict()
_keeping = Lock()


class Texts(OnDemand[Document]):
    """All documents of a parquet file with a column per field, in their order."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def __len__(self) -> int:
        return int(self._ends[-1])

    def _at(self, row: int) -> Document:
        group = int(np.searchsorted(self._ends, row, side="right")) - 1
        return _group(self._file, group)[row - int(self._ends[group])]

    @cached_property
    def _ends(self) -> npt.NDArray[np.int64]:
        page = pq.read_metadata(self._file)
        sizes = [page.row_group(number).num_rows for number in range(page.num_row_groups)]
        return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


def portions(
    documents: Iterable[Document], most: int = TOGETHER, characters: int = TOGETHER_CHARACTERS
) -> Iterator[list[Document]]:
    """Documents in order, cut where they are many or have that many characters together.

    >>> page = Document("default", "1", "", "five!")
    >>> [len(portion) for portion in portions([page] * 5, characters=10)]
    [2, 2, 1]
    """
    portion: list[Document] = []
    size = 0
    for document in documents:
        portion.append(document)
        size += len(document.text)
        if len(portion) == most or size >= characters:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def forget() -> None:
    """Have none at hand; after a purge no text stays in memory."""
    with _keeping:
        _kept.clear()


def _group(file: Path, number: int) -> list[Document]:
    """A row group; the one that was asked for longest ago makes room for it."""
    place = (file, number)
    with _keeping:
        if place not in _kept:
            table = pq.ParquetFile(file).read_row_group(number, columns=list(FIELDS))
            group = [Document(**row) for row in table.to_pylist()]
            _kept[place] = sum(len(document.text) for document in group), group
            while len(_kept) > 1 and sum(size for size, _ in _kept.values()) > KEPT:
                _kept.popitem(last=False)
            return group
        _kept.move_to_end(place)
        return _kept[place][1]
