"""A night's steps as tasks that Prefect sees: names, states and seconds, and nothing of the data.

What a step makes stays in this process; only the digest of the batch goes through Prefect.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import ParamSpec, TypeVar

from prefect import task
from prefect.cache_policies import NO_CACHE

TOLD = {"gate": "train and gate"}
"""Steps that Prefect is told by another name; facts keep their seconds apart."""
P = ParamSpec("P")
R = TypeVar("R")


def as_task(
    name: str, subject: str, function: Callable[P, R], /, *args: P.args, **kwargs: P.kwargs
) -> R:
    """Carry out a step inside of a flow run as one of its tasks."""
    made: list[R] = []

    @task(name=TOLD.get(name, name), cache_policy=NO_CACHE, persist_result=False)
    def carry_out(batch: str) -> None:
        made.append(function(*args, **kwargs))

    carry_out(subject)
    return made[0]
