"""A night's steps: each is carried out, by whoever is to carry it out, and its seconds are kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import ParamSpec, Protocol, TypeVar

STEPS = ("ingest", "encode", "detect", "decide", "train", "gate", "publish")
P = ParamSpec("P")
R = TypeVar("R")


class Run(Protocol):
    """Carries out a step of that name; `subject` is the digest of the batch it is about."""

    def __call__(
        self,
        name: str,
        subject: str,
        function: Callable[P, R],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> R: ...


def plainly(
    name: str, subject: str, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """Carry out a step by calling it.

    >>> plainly("ingest", "ab12", len, "three")
    5
    """
    return function(*args, **kwargs)


class Clock:
    """Adds up seconds by step.

    >>> clock = Clock()
    >>> clock.step("encode", max, 3, 4)
    4
    >>> list(clock.seconds)
    ['ingest', 'encode', 'detect', 'decide', 'train', 'gate', 'publish']
    """

    def __init__(self, run: Run = plainly, subject: str = "") -> None:
        self.seconds = dict.fromkeys(STEPS, 0.0)
        self._run = run
        self._subject = subject

    def step(self, name: str, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs) -> R:
        """Carry out one step of the night."""
        with self(name):
            return self._run(name, self._subject, function, *args, **kwargs)

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
