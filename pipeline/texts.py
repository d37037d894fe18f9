"""The documents of a segment's file, read some at a time when one of them is asked for.

What was read belongs to the `Texts` that read it and goes with it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path
from threading import Lock
from weakref import ref

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


class Texts(OnDemand[Document]):
    """All documents of a parquet file with a column per field, in their order."""

    def __init__(self, file: Path) -> None:
        self._file = file
        self._groups: dict[int, list[Document]] = {}

    def __len__(self) -> int:
        return int(self._ends[-1])

    def _at(self, row: int) -> Document:
        group = int(np.searchsorted(self._ends, row, side="right")) - 1
        return self._group(group)[row - int(self._ends[group])]

    def _group(self, number: int) -> list[Document]:
        """A row group; the one that was asked for longest ago makes room for it."""
        with _keeping:
            if number in self._groups:
                _asked.move_to_end((ref(self), number))
                return self._groups[number]
            file = pq.ParquetFile(self._file, metadata=self._page)
            rows = file.read_row_group(number, columns=list(FIELDS)).to_pylist()
            group = self._groups[number] = [Document(**row) for row in rows]
            _asked[ref(self), number] = sum(len(document.text) for document in group)
            _make_room()
            return group

    @cached_property
    def _page(self) -> pq.FileMetaData:
        """Where in the file everything is; it grows with the file."""
        return pq.read_metadata(self._file)

    @cached_property
    def _ends(self) -> npt.NDArray[np.int64]:
        page = self._page
        sizes = [page.row_group(number).num_rows for number in range(page.num_row_groups)]
        return np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])


_asked: OrderedDict[tuple[ref[Texts], int], int] = OrderedDict()
"""The row groups at hand and their characters, the one asked for last at the end."""
_keeping = Lock()


def forget() -> None:
    """Have none at hand: after a purge no text stays in memory."""
    with _keeping:
        while _asked:
            _let_go()


def _make_room() -> None:
    while len(_asked) > 1 and sum(_asked.values()) > KEPT:
        _let_go()


def _let_go() -> None:
    (whose, number), _ = _asked.popitem(last=False)
    texts = whose()
    if texts is not None:
        del texts._groups[number]


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
