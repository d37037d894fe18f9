"""Long work as Prefect shows it: an artifact that fills while a night is encoded or taught."""

from __future__ import annotations

import time
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

KEY = "nightshift-progress"
SOON = 5.0
"""Seconds that work must take before it is shown, and between two looks at it."""


class Progressing:
    """Called as work goes on (pipeline/progress.py); quick work is not shown at all."""

    def __init__(self) -> None:
        self._what = ""
        self._shown: UUID | None = None
        self._looked = 0.0

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what != self._what:
            self._finish()
            self._what, self._looked = what, now
        elif now - self._looked >= SOON:
            self._looked = now
            self._show(100 * done / max(1, total))
        if done >= total:
            self._finish()

    def _show(self, percent: float) -> None:
        if self._shown is None:
            made = create_progress_artifact(percent, key=KEY, description=self._what)
            self._shown = cast(UUID, made)  # it would be awaited in a loop, and there is none
        else:
            update_progress_artifact(self._shown, percent)

    def _finish(self) -> None:
        if self._shown is not None:
            update_progress_artifact(self._shown, 100.0)
        self._what, self._shown = "", None
