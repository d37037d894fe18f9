"""The files that somebody delivered: regular, visible, and inside of what was delivered."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from pipeline.readers import File, Quarantined, printable


@dataclass(frozen=True)
class Delivery:
    """A folder's files by relative name, sorted; `links` are listed and never followed."""

    root: Path
    names: tuple[str, ...]
    links: tuple[str, ...] = ()

    def read(self, name: str) -> File:
        return File(name, (self.root / name).read_bytes())

    def size(self, name: str) -> int:
        return (self.root / name).stat().st_size

    def unfollowed(self) -> list[Quarantined]:
        return [Quarantined(printable(n), "a link; links are not followed") for n in self.links]


def deliver(path: Path) -> Delivery:
    """What lies at `path`, a folder or a file; hidden files and folders do not count."""
    if not path.is_dir():
        return Delivery(path.parent, (path.name,))
    names: list[str] = []
    links: list[str] = []
    for folder, subfolders, files in os.walk(path, followlinks=False):
        for name in _visible(subfolders) + _visible(files):
            entry = Path(folder, name)
            if entry.is_symlink():
                links.append(entry.relative_to(path).as_posix())
            elif entry.is_file():
                names.append(entry.relative_to(path).as_posix())
        subfolders[:] = _visible(subfolders)
    return Delivery(path, tuple(sorted(names)), tuple(sorted(links)))


def digest(files: Iterable[File]) -> str:
    """SHA-256 over names and bytes: neither the order nor the place of the files matters.

    >>> a, b = File("a", b"1"), File("b", b"2")
    >>> digest([a, b]) == digest([b, a]) != digest([File("a", b"1b2")])
    True
    """
    total = hashlib.sha256()
    for file in sorted(files, key=lambda file: file.name):
        for part in (os.fsencode(file.name), file.data):
            total.update(len(part).to_bytes(8, "big"))
            total.update(part)
    return total.hexdigest()


def _visible(names: list[str]) -> list[str]:
    return [name for name in names if not name.startswith(".")]
