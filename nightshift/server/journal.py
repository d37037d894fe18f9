"""Files that grow by a line of JSON: searches, for whoever learns from them, and clicks."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
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
            os.write(self._descriptor, page.encode())
        except OSError as error:
            complain(error)
            return False
        return True

    def close(self) -> None:
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


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
