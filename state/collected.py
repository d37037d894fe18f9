"""Which versions have given up their objects: written down before the first of them is deleted."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from state import sealed

FILE = "collected"


def read(root: Path) -> frozenset[int]:
    """The versions whose objects were collected; their manifests stay."""
    return frozenset(sealed.read(root / FILE, []))


def add(root: Path, versions: Iterable[int]) -> None:
    """Give up these versions too, for good."""
    sealed.write(root / FILE, sorted(read(root) | set(versions)))
