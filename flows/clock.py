"""Where a night's seconds go."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

STEPS = ("encode", "detect", "train", "gate", "publish")


class Clock:
    """Adds up seconds by step.

    >>> clock = Clock()
    >>> with clock("encode"):
    ...     pass
    >>> list(clock.seconds)
    ['encode', 'detect', 'train', 'gate', 'publish']
    """

    def __init__(self) -> None:
        self.seconds = dict.fromkeys(STEPS, 0.0)

    def move(self, source: str, target: str, seconds: float) -> None:
        """Book seconds that were spent inside one step to another."""
        self.seconds[source] -= seconds
        self.seconds[target] += seconds

    @contextmanager
    def __call__(self, step: str) -> Iterator[None]:
        started = time.monotonic()
        try:
            yield
        finally:
            self.seconds[step] += time.monotonic() - started
