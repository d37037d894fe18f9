"""Which state of the code made a cell: figures of two states do not belong in one table."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path

ROOMS = ("pipeline", "flows", "state", "bench/quality")
UNMEASURED = "bench/quality/report"


@cache
def state_of_code() -> str:
    """The first digits of a SHA-256 over all files that may shape a figure.

    >>> len(state_of_code())
    12
    """
    root = Path(__file__).parents[2]
    digest = hashlib.sha256()
    for room in ROOMS:
        for file in sorted((root / room).rglob("*.py")):
            name = file.relative_to(root).as_posix()
            if not name.startswith(UNMEASURED):
                digest.update(f"{name}\0".encode() + file.read_bytes())
    return digest.hexdigest()[:12]
