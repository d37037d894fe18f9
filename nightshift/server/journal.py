"""Files that grow by a line of JSON: searches, for whoever learns from them, and clicks."""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from nightshift.index import Answer
from nightshift.server.console import complain, now

Line = dict[str, Any]


class Journal:
    """Readable by its owner alone. Lines of several processes do not mix; without a file, or where
    it cannot be written, nothing is kept.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._descriptor: int | None = None
        if file is not None:
            self._descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(self, lines: Iterable[Line]) -> bool:
        """Whether they are kept."""
        if self._descriptor is None:
            return False
        page = "".join(json.dumps({"time": now(), **line}) + "\n" for line in lines)
        try:
            with _alone(self._descriptor):
                _append(self._descriptor, page.encode())
        except OSError as error:
            complain(error)
            return False
        return True


@contextmanager
def _alone(descriptor: int) -> Iterator[None]:
    """Nobody else appends meanwhile: what is taken back is our own."""
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        yield
    finally:
        fcntl.flock(descriptor, fcntl.LOCK_UN)


def _append(descriptor: int, page: bytes) -> None:
    """All of it or nothing: to half a line the next one would be glued."""
    before = os.fstat(descriptor).st_size
    try:
        while page:
            page = page[os.write(descriptor, page) :]
    except OSError:
        with suppress(OSError):  # a pipe takes nothing back
            os.ftruncate(descriptor, before)
        raise


def searches(queries: Iterable[str], answers: Iterable[Answer]) -> list[Line]:
    """A line for each query: which documents of which version answered it, and by which route."""
    return [
        {
            "version": answer.version,
            "query": query,
            "route": answer.route,
            "hits": [[hit.source, hit.id] for hit in answer.hits],
        }
        for query, answer in zip(queries, answers, strict=True)
    ]
