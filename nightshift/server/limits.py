"""What one request may ask for, and one client in a second."""

from __future__ import annotations

from dataclasses import dataclass

K = 1_000
QUERIES = 100
CHARACTERS = 4_000
"""Of a query, an instruction or a name in a filter."""
HITS = 10_000
"""Of all answers to one request together."""
NAMES = 100
"""Sources or segments in a filter."""


@dataclass(frozen=True)
class Limits:
    """`rate` is requests a second from one address; twice as many may come at once."""

    body: int = 2**20
    seconds: float = 30.0
    rate: float = 100.0
    waiting: int = 1_000
    """Queries that wait to be asked, of all clients together."""
