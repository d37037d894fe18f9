"""Systems without a store of their own: they answer on the floor's index, night by night."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bench.quality.systems.frozen import Floor
from flows.live import Live


@dataclass(kw_only=True)
class OnFloor:
    """What they learned after each night lies in a folder of `root`."""

    root: Path
    floor: Floor
    seed: int
    _live: Live | None = field(default=None, init=False)

    def _open(self, night: str) -> Live:
        """The floor as it is after a night."""
        self._leave()
        self._live = self.floor.after(night)
        return self._live

    def _leave(self) -> None:
        if self._live is not None:
            self._live.__exit__()
            self._live = None

    @contextmanager
    def _whole(self, night: str) -> Iterator[Path]:
        """A night's folder to write, there whole or not at all: a kill must not leave half."""
        folder, half = self.root / night, self.root / "half"
        for old in (folder, half):
            shutil.rmtree(old, ignore_errors=True)
        half.mkdir(parents=True)
        yield half
        half.rename(folder)
