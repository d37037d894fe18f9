"""Starting parts, seeing that they answer, starting again what dies, ending all.

A part that dies is started again after a pause, which grows each time it dies young: 1, 2, 4, 8, 16
seconds. Once the pauses are used up, everything ends: an appliance without one of its parts would
look alive and not be.
"""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from nightshift.appliance import child
from nightshift.appliance.child import Command
from nightshift.errors import NightshiftError

PAUSES = (1.0, 2.0, 4.0, 8.0, 16.0)
STEADY = 120.0
"""Seconds after which a part that dies did not die young."""


@dataclass(frozen=True)
class Part:
    """A part: what to start, and how to see that it does its work."""

    name: str
    command: Command
    log: Path
    works: Callable[[], bool]
    told: Callable[[], str]
    """What people are told once it works."""
    may_start: Callable[[], bool] = lambda: True


class Watched:
    """A part and its process.

    `look` is called again and again, and never waits.
    """

    def __init__(self, part: Part, mark: str, pauses: Sequence[float] = PAUSES) -> None:
        self.part = part
        self.works = False
        self.mark = f"{mark}:{part.name}:"
        self._pauses = pauses
        self._deaths = 0
        self._not_before = 0.0
        self._began = 0.0
        self._process: subprocess.Popen[bytes] | None = None

    def look(self, now: float) -> str | None:
        """Do what is to be done at this moment; a line for people where something happened."""
        if self._process is None:
            if now >= self._not_before and self.part.may_start():
                self._began = now
                self._process = child.start(self.part.command, self.mark, self.part.log)
            return None
        code = self._process.poll()
        if code is not None:
            return self._died(code, now)
        if not self.works and self.part.works():
            self.works = True
            return f"{self.part.name:<8} {'is back: ' if self._deaths else ''}{self.part.told()}"
        return None

    def bury(self) -> None:
        """Take note of the end of the process, so that the kernel may forget it."""
        if self._process is not None:
            self._process.wait()

    def _died(self, code: int, now: float) -> str:
        how = f"signal {-code}" if code < 0 else f"code {code}"
        self._deaths = 1 if now - self._began > STEADY else self._deaths + 1
        child.end(self.mark, grace=0.0)  # a part that died could not end what it had started
        self._process, self.works = None, False
        if self._deaths > len(self._pauses):
            raise NightshiftError(
                f"{self.part.name} ended {self._deaths} times in a row, last with {how}: "
                f"{last_line(self.part.log)}",
                hint=f"tail {self.part.log}",
            )
        pause = self._pauses[self._deaths - 1]
        self._not_before = now + pause
        return f"{self.part.name} ended with {how}; it is started again in {pause:g} s"


def end(watched: Sequence[Watched], grace: float = child.GRACE) -> None:
    """End these parts together, with all that they started."""
    child.end(*(one.mark for one in watched), grace=grace)
    for one in watched:
        one.bury()


def keep(
    watched: Sequence[Watched], stop: Callable[[float], bool], tell: Callable[[str], None]
) -> None:
    """Look after all parts until `stop`, which waits for as many seconds as it is given."""
    while not stop(0.2):
        for one in watched:
            said = one.look(time.monotonic())
            if said:
                tell(said)


def last_line(log: Path) -> str:
    """The last thing that a part said.

    >>> last_line(Path("/nowhere"))
    'it said nothing'
    """
    try:
        lines = [line.strip() for line in log.read_text("utf-8", "replace").splitlines()]
    except OSError:
        lines = []
    return next((line for line in reversed(lines) if line), "it said nothing")
