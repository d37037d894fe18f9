"""Batches that made no version: what they brought was there, or a newer delivery stood beside them.

No manifest tells of them, and still they have had their say: what comes later is never undone by
them. Each is kept with the version that was live when it was met, so a rollback of documents to
before that withdraws it like any other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from state import sealed

FILE = "met"

Batches = Sequence[Mapping[str, Any]]
"""As in a manifest's `facts["batches"]`."""


def read(root: Path) -> dict[int, Batches]:
    """The batches that were met while a version was live, in order, by that version."""
    page: dict[str, Batches] = sealed.read(root / FILE, {})
    return {int(version): batches for version, batches in page.items()}


def add(root: Path, version: int, batch: Mapping[str, Any]) -> None:
    """Remember, for good, that this batch was met last; only inside `Store.writing()`."""
    page = {str(number): list(batches) for number, batches in read(root).items()}
    here = page.setdefault(str(version), [])
    page[str(version)] = [*(other for other in here if other != batch), dict(batch)]
    sealed.write(root / FILE, page)
