"""The files that somebody delivered: regular, visible, and inside of what was delivered.

They are read once, hashed on the way, and refused when they change meanwhile.
"""

from __future__ import annotations

import errno
import hashlib
import io
import os
import shlex
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from nightshift.errors import BatchError
from pipeline.files import File, printable
from pipeline.readers import Quarantined

CHUNK = 2**18

Stamp = tuple[int, int, int]
"""Inode, size and time of change: a file that was written to has another."""


class Digest:
    """SHA-256 over names and bytes, each behind its length; files come in the order of their names.

    >>> one, other = Digest(), Digest()
    >>> one.add("a", b"12"), one.add("b", b"3"), other.add("a", b"1"), other.add("b", b"23")
    (None, None, None, None)
    >>> one.hexdigest() == other.hexdigest()
    False
    """

    def __init__(self) -> None:
        self._total = hashlib.sha256()
        self._last = ""

    def add(self, name: str, data: bytes) -> None:
        self.begin(name, len(data))
        self._total.update(data)

    def begin(self, name: str, size: int) -> None:
        """Announce a file of which `size` bytes follow in pieces."""
        assert name > self._last, "the digest depends on the order"
        self._last = name
        self._part(os.fsencode(name))
        self._total.update(size.to_bytes(8, "big"))

    def update(self, piece: bytes | memoryview) -> None:
        self._total.update(piece)

    def hexdigest(self) -> str:
        return self._total.hexdigest()

    def _part(self, data: bytes) -> None:
        self._total.update(len(data).to_bytes(8, "big"))
        self._total.update(data)


@dataclass
class Delivery:
    """A folder's files by relative name, sorted; `links` are listed and never followed.

    A single file is a delivery of one name; somebody typed it, so it may itself be a link.
    """

    path: Path
    names: tuple[str, ...]
    links: tuple[str, ...] = ()
    _stamps: dict[str, Stamp] = field(default_factory=dict)

    def place(self, name: str) -> Path:
        return self.path / name if self.path.is_dir() else self.path

    def size(self, name: str) -> int:
        return self.place(name).stat().st_size

    def hold(self, name: str) -> bytes:
        """The whole of a small file."""
        with self._open(name) as (raw, size):
            data = raw.read(size + 1)
            if len(data) != size:
                raise self._changed(name)
            return data

    @contextmanager
    def stream(self, name: str, digest: Digest) -> Iterator[File]:
        """A file of any size, hashed to its last byte however far somebody reads it."""
        with self._open(name) as (raw, size):
            digest.begin(name, size)
            watched = _Watched(raw, digest.update)
            with io.BufferedReader(watched, CHUNK) as stream:
                yield File(name, size, stream)
            watched.drain()
            if watched.count != size:
                raise self._changed(name)

    def check_unchanged(self) -> None:
        """Refuse a delivery that is not any more what it was when the reading began."""
        now = deliver(self.path)
        for name in sorted({*now.names, *now.links} ^ {*self.names, *self.links}):
            raise self._changed(name)
        for name, stamp in self._stamps.items():
            if _stamp(self.place(name).stat()) != stamp:
                raise self._changed(name)

    def unfollowed(self) -> list[Quarantined]:
        return [Quarantined(printable(n), "a link; links are not followed") for n in self.links]

    @contextmanager
    def _open(self, name: str) -> Iterator[tuple[io.FileIO, int]]:
        with io.FileIO(str(self.place(name)), opener=self._opener) as raw:
            status = os.fstat(raw.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise OSError(errno.EINVAL, "not a regular file", str(self.place(name)))
            self._stamps[name] = _stamp(status)
            yield raw, status.st_size

    def _opener(self, path: str, flags: int) -> int:
        # A pipe that took a file's place since the listing must not stop the night.
        nofollow = os.O_NOFOLLOW if self.path.is_dir() else 0
        return os.open(path, flags | os.O_NONBLOCK | nofollow)

    def _changed(self, name: str) -> BatchError:
        return BatchError(
            f"{self.path} is still being written: {printable(name)} changed while it was read",
            hint=f"nightshift update {shlex.quote(str(self.path))}",
        )


def deliver(path: Path) -> Delivery:
    """What lies at `path`, a folder or a file; hidden files and folders do not count."""
    if not path.is_dir():
        return Delivery(path, (path.name,))
    names: list[str] = []
    links: list[str] = []

    def refuse(error: OSError) -> None:
        # What cannot be listed today has not vanished.
        raise error

    for folder, subfolders, files in os.walk(path, onerror=refuse, followlinks=False):
        for name in _visible(subfolders) + _visible(files):
            entry = Path(folder, name)
            if entry.is_symlink():
                links.append(entry.relative_to(path).as_posix())
            elif entry.is_file():
                names.append(entry.relative_to(path).as_posix())
        subfolders[:] = _visible(subfolders)
    return Delivery(path, tuple(sorted(names)), tuple(sorted(links)))


class _Watched(io.RawIOBase):
    """A file whose bytes somebody else sees as well, in order."""

    def __init__(self, raw: io.FileIO, see: Callable[[memoryview], None]) -> None:
        self._raw = raw
        self._see = see
        self.count = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        read = self._raw.readinto(buffer) or 0
        self._see(memoryview(buffer)[:read])
        self.count += read
        return read

    def drain(self) -> None:
        """See what nobody read, even when a reader that met damage has closed this."""
        while piece := self._raw.read(CHUNK):
            self._see(memoryview(piece))
            self.count += len(piece)


def _stamp(status: os.stat_result) -> Stamp:
    return status.st_ino, status.st_size, status.st_mtime_ns


def _visible(names: list[str]) -> list[str]:
    return [name for name in names if not name.startswith(".")]
