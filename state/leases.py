"""Leases: which versions somebody reads, told by locks that the kernel takes back at death.

A reader holds a shared lock on its version's file. Taking one passes through a gate that `gc`
closes while it decides, so a lease is either seen by `gc` or finds the version collected.
"""

from __future__ import annotations

import errno
import fcntl
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER, GATE = "leases", "gate"
UNWRITABLE = (errno.EACCES, errno.EPERM, errno.EROFS)


class Lease:
    """Held until it is released, or until nobody has it any more."""

    def __init__(self, descriptor: int | None = None) -> None:
        held = () if descriptor is None else (descriptor,)
        self.release = weakref.finalize(self, _close, *held)


def take(root: Path, version: int) -> Lease:
    """A lease on this version; an empty one where the store cannot be written.

    Whoever takes it must look afterwards whether the version was collected.
    """
    folder = root / FOLDER
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        with _gate(root, fcntl.LOCK_SH):
            descriptor = _open(folder / f"{version:08}", os.O_CREAT)
            fcntl.flock(descriptor, fcntl.LOCK_SH)
    except OSError:
        return Lease()
    return Lease(descriptor)


def held(root: Path) -> frozenset[int]:
    """The versions that somebody reads at this moment."""
    return frozenset(int(path.name) for path in _files(root) if _is_held(path))


@contextmanager
def closed(root: Path) -> Iterator[frozenset[int]]:
    """Let nobody take a lease meanwhile; yields `held`, and removes what dead readers left."""
    (root / FOLDER).mkdir(mode=0o700, exist_ok=True)
    with _gate(root, fcntl.LOCK_EX):
        versions = held(root)
        for path in _files(root):
            if int(path.name) not in versions:
                path.unlink()
        yield versions


def _files(root: Path) -> list[Path]:
    return sorted(path for path in (root / FOLDER).glob("*") if path.name.isdigit())


def _is_held(path: Path) -> bool:
    try:
        descriptor = _open(path)
    except PermissionError:
        return True  # another user's, who may be reading still
    except FileNotFoundError:
        return False  # a gc has found that nobody holds it, and removed it
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True  # held, or of a kind that nobody can tell
    finally:
        os.close(descriptor)
    return False


@contextmanager
def _gate(root: Path, how: int) -> Iterator[None]:
    descriptor = _open(root / FOLDER / GATE, os.O_CREAT)
    try:
        fcntl.flock(descriptor, how)
        yield
    finally:
        _close(descriptor)


def _open(path: Path, create: int = 0) -> int:
    """For writing too where that is possible: on NFS an exclusive lock takes it."""
    try:
        return os.open(path, os.O_RDWR | create, 0o600)
    except OSError as error:
        if error.errno not in UNWRITABLE:
            raise
        return os.open(path, os.O_RDONLY | create, 0o600)


def _close(*descriptors: int) -> None:
    for descriptor in descriptors:
        os.close(descriptor)
