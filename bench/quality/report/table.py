"""A table as cells: markdown and HTML print the same ones."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Table:
    title: str
    about: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
