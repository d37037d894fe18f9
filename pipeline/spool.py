"""Documents that wait on disk, in the order in which they came.

A night holds tens of thousands of documents and needs one at a time. The file has no name, so
nothing is left to clean up, not even after a kill.
"""

from __future__ import annotations

import json
import os
import tempfile
import weakref
from array import array

from pipeline.chosen import OnDemand
from pipeline.documents import Document

WRITTEN = json.JSONEncoder(ensure_ascii=False)


class Spool(OnDemand[Document]):
    """Documents as JSON lines in an anonymous file; in memory, eight bytes for each.

    >>> spool = Spool()
    >>> for name in ("1", "2", "3"):
    ...     spool.append(Document("sea", name, "", f"Tide {name}"))
    >>> spool[1].text, len(spool), [document.id for document in spool[1:]]
    ('Tide 2', 3, ['2', '3'])
    """

    def __init__(self) -> None:
        self._file = tempfile.TemporaryFile()  # noqa: SIM115 - closed when nobody holds the spool
        weakref.finalize(self, self._file.close)
        self._ends = array("q", [0])
        self._flushed = 0

    def append(self, document: Document) -> None:
        fields = [document.source, document.id, document.title, document.text, document.metadata]
        line = WRITTEN.encode(fields).encode() + b"\n"
        self._file.write(line)
        self._ends.append(self._ends[-1] + len(line))

    def __len__(self) -> int:
        return len(self._ends) - 1

    def _at(self, row: int) -> Document:
        if self._flushed < len(self):
            self._file.flush()
            self._flushed = len(self)
        start, end = self._ends[row], self._ends[row + 1]
        # pread keeps no position: threads and forked processes may read side by side.
        line = os.pread(self._file.fileno(), end - start, start)
        return Document(*json.loads(line))
