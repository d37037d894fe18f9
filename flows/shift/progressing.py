"""Long work as Prefect shows it: an artifact that fills while a night is encoded or taught.

A server that does not answer loses what it would have shown, and no night.
"""

from __future__ import annotations

import logging
import time
from typing import cast
from uuid import UUID

from prefect.artifacts import create_progress_artifact, update_progress_artifact

logger = logging.getLogger(__name__)
KEY = "nightshift-progress"
SOON = 5.0
"""Seconds that work must take before it is shown, and between two looks at it."""


class Progressing:
    """Called as work goes on (pipeline/progress.py); quick work is not shown at all."""

    def __init__(self) -> None:
        self._what = ""
        self._shown: UUID | None = None
        self._looked = 0.0
        self._heard = True

    def __call__(self, what: str, done: int, total: int) -> None:
        now = time.monotonic()
        if what != self._what:
            self._finish()
            self._what, self._looked, self._heard = what, now, True
        elif now - self._looked >= SOON:
            self._looked = now
            self._show(100 * done / max(1, total))
        if done >= total:
            self._finish()

    def _show(self, percent: float) -> None:
        if not self._heard:
            return
        try:
            self._tell(percent)
        except Exception as error:
            self._heard = False
            logger.warning("%s goes on, but is not shown: %s", self._what, error)

    def _tell(self, percent: float) -> None:
        if self._shown is None:
            made = create_progress_artifact(percent, key=KEY, description=self._what)
            self._shown = cast(UUID, made)  # it would be awaited in a loop, and there is none
        else:
            update_progress_artifact(self._shown, percent)

    def _finish(self) -> None:
        if self._shown is not None:
            self._show(100.0)
        self._what, self._shown = "", None
