"""A part of the appliance as a process, with all that it starts.

Each part is the leader of a process group of its own, so that Ctrl-C reaches `up` alone and it
decides in which order they end. Servers start processes that leave the group, and a part may be
killed before it can end them: hence the mark. It is drawn by chance for each `up`, stands in the
environment of everything that descends from it, and so finds all of its own and never a stranger.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

MARK = "NIGHTSHIFT_UP"
GRACE = 10.0
"""Seconds in which a part may end by itself."""


@dataclass(frozen=True)
class Command:
    """What to start; `changes` are made to the environment, and None takes a variable away."""

    words: tuple[str, ...]
    changes: Mapping[str, str | None]


def start(command: Command, mark: str, log: Path) -> subprocess.Popen[bytes]:
    """Start it; what it prints goes to the end of its log."""
    environment = {**os.environ, **command.changes, MARK: mark}
    with log.open("ab") as said:
        return subprocess.Popen(
            command.words,
            env={name: value for name, value in environment.items() if value is not None},
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def end(*marks: str, grace: float = GRACE) -> int:
    """End all processes with marks that begin so: first asked, then killed; how many there were.

    Only the leaders of groups are asked: they end what is theirs in their own order.
    """
    found = list(marked(*marks))
    for process in [one for one in found if _leads(one)] or found:
        with suppress(psutil.Error):
            process.terminate()
    psutil.wait_procs(found, timeout=grace)
    left = list(marked(*marks))
    while left:
        for process in left:
            with suppress(psutil.Error):
                process.kill()
        psutil.wait_procs(left, timeout=grace)
        left = list(marked(*marks))
    return len(found)


def marked(*marks: str) -> Iterator[psutil.Process]:
    """The live processes with marks that begin so."""
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.status() != psutil.STATUS_ZOMBIE and process.environ().get(
                MARK, ""
            ).startswith(marks):
                yield process


def _leads(process: psutil.Process) -> bool:
    with suppress(OSError):
        return os.getpgid(process.pid) == int(process.pid)
    return False
