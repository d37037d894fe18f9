"""Writing that outlives a power cut: bytes reach the disk before anything names them.

After an error from fsync the kernel may have dropped the bytes and forgotten that it did, so a
second fsync of the same file proves nothing. Every error is passed on and the file is given up;
who wants to try again writes a new one.
"""

from __future__ import annotations

import os
from pathlib import Path


def write_new(path: Path, data: bytes) -> None:
    """Create `path` with these bytes and sync it; FileExistsError if it is there already.

    The name itself lasts only once the folder is synced too.
    """
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        _write_and_sync(descriptor, data)
    except OSError:
        path.unlink(missing_ok=True)
        raise
    finally:
        os.close(descriptor)


def replace(path: Path, data: bytes) -> None:
    """Give `path` these bytes: whoever reads it sees all of the old ones or all of the new ones.

    For one writer at a time; a kill may leave `unfinished(path)` behind, which the next call
    overwrites.
    """
    new = unfinished(path)
    new.unlink(missing_ok=True)
    write_new(new, data)
    try:
        os.replace(new, path)
    except OSError:
        new.unlink(missing_ok=True)
        raise
    sync(path.parent)


def unfinished(path: Path) -> Path:
    """Where `replace` prepares the bytes.

    >>> unfinished(Path("store/HEAD")).as_posix()
    'store/HEAD.new'
    """
    return path.with_name(path.name + ".new")


def append(path: Path, data: bytes) -> None:
    """Add these bytes at the end of `path`, which is created if need be; a kill may tear them."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    try:
        _write_and_sync(descriptor, data)
    finally:
        os.close(descriptor)
    sync(path.parent)


def truncate(path: Path, size: int) -> None:
    """Cut `path` to its first `size` bytes."""
    descriptor = os.open(path, os.O_WRONLY)
    try:
        os.ftruncate(descriptor, size)
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sync(path: Path) -> None:
    """Make a file's bytes, or a folder's names, last."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _write_and_sync(descriptor: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
    os.fsync(descriptor)
