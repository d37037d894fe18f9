"""A line a cell, with an estimate of the time left: from cells that were measured here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

from bench.quality.cells import Cells
from bench.quality.stream import Night


@dataclass(frozen=True)
class Clock:
    """`courses` are (system, rows, seed, nights) of everything that a run is to measure."""

    cells: Cells
    courses: Sequence[tuple[str, Sequence[str], int, Sequence[Night]]]

    def line(self, told: str, night: str, page: dict[str, Any]) -> str:
        """What became of a cell, and what is left."""
        done, total, seconds = self._left()
        outcomes = "+".join(page["outcomes"]) or "-"
        left = f"about {clock_time(seconds)} left" if done < total else "done"
        return f"{done} of {total} cells; {told} {night}: {outcomes}; {left}"

    def _left(self) -> tuple[int, int, float]:
        """Cells measured, cells in all, and seconds that the others may take.

        A cell is expected to take as long as the same night with another seed took, else as the
        system's nights so far, else as any.
        """
        took: dict[tuple[str, str], list[float]] = {}
        missing: list[tuple[str, str]] = []
        for system, rows, seed, nights in self.courses:
            for night in nights:
                if all(self.cells.has(row, seed, night.name) for row in rows):
                    page = self.cells.page(rows[-1], seed, night.name)
                    took.setdefault((system, night.name), []).append(page["wall_seconds"])
                else:
                    missing.append((system, night.name))
        of_system: dict[str, list[float]] = {}
        for (system, _), walls in took.items():
            of_system.setdefault(system, []).extend(walls)
        every = [wall for walls in took.values() for wall in walls]
        left = sum(
            fmean(took.get((system, night)) or of_system.get(system) or every or [0.0])
            for system, night in missing
        )
        return len(every), len(every) + len(missing), left


def clock_time(seconds: float) -> str:
    """Seconds as a person says them.

    >>> clock_time(42), clock_time(600), clock_time(9000)
    ('42 s', '10 min', '2.5 h')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"
