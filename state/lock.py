"""One writer at a time, without a wait and without a stale lock: the kernel lets go at death."""

from __future__ import annotations

import fcntl
import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from nightshift.errors import StoreBusy


@contextmanager
def writing(root: Path) -> Iterator[None]:
    """Be the only writer of the store at `root`; StoreBusy at once if there is another.

    The file stays: deleting it would let two writers lock two files of the same name.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as root, writing(Path(root)):
    ...     try:
    ...         with writing(Path(root)):
    ...             print("two writers")
    ...     except StoreBusy as error:
    ...         print(str(os.getpid()) in error.message, error.hint)
    True wait for it to end, then type the same command again
    """
    descriptor = os.open(root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise _busy(descriptor) from None
        _sign(descriptor)
        try:
            yield
        finally:
            # Closing alone would leave it locked for as long as a forked child lives.
            fcntl.flock(descriptor, fcntl.LOCK_UN)
    finally:
        os.close(descriptor)


def _sign(descriptor: int) -> None:
    holder = {
        "pid": os.getpid(),
        "host": socket.gethostname(),
        "time": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    # The name is for people: a full disk must not stop the writer that would make room.
    with suppress(OSError):
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode() + b"\n", 0)


def _busy(descriptor: int) -> StoreBusy:
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        who = f"process {holder['pid']} on {holder['host']}"
        since = f" (since {holder['time']})"
    except (ValueError, TypeError, KeyError):
        who, since = "another process", ""
    return StoreBusy(
        f"{who} is writing to the store{since}",
        hint="wait for it to end, then type the same command again",
    )
