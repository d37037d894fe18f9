"""What is counted and not measured by queries: decisions, experts, parameters, CPU seconds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from bench.quality.results import Results
from bench.quality.summary import BOOTSTRAP, FROZEN

LEARNING = ("encode", "detect", "train", "gate")
"""What nights cost; searching is paid by the day."""


def with_expert(results: Results, system: str = "ours") -> list[str]:
    """Domains that an expert answers in the majority of seeds."""
    served: Mapping[str, list[str]] = results.systems.get(system, {}).get("served", {})
    return [
        domain
        for domain in results.domains
        if 2 * sum(one != FROZEN for one in served.get(domain, [])) > len(served.get(domain, []))
    ]


def decisions_right(results: Results, system: str = "ours") -> tuple[list[int], int]:
    """For each seed the nights whose outcome the stream accepts, and how many were judged."""
    accepted: Mapping[str, list[bool]] = results.systems.get(system, {}).get("accepted", {})
    # A run that was stopped has nights that not every seed has lived through: those seeds wait.
    judged = [per_seed for night, per_seed in accepted.items() if night != BOOTSTRAP]
    return [sum(of_seed) for of_seed in zip(*judged, strict=False)], len(judged)


def parameter_share(system: Mapping[str, Any]) -> float | None:
    """Parameters of all experts over the encoder's, of the seed that grew most.

    >>> parameter_share({"expert_parameters": [10, 30], "encoder_parameters": 1000})
    0.03
    """
    grown, encoder = system.get("expert_parameters"), system.get("encoder_parameters")
    return max(grown) / encoder if grown and encoder else None


def cost(system: Mapping[str, Any]) -> float | None:
    """CPU seconds of all nights together, search apart.

    >>> cost({"cpu_seconds": {"encode": 2.0, "train": 3.0, "search": 9.0}})
    5.0
    """
    spent = system.get("cpu_seconds")
    return sum(spent.get(step) or 0.0 for step in LEARNING) if spent else None


def seconds(system: Mapping[str, Any], *steps: str) -> float | None:
    """CPU seconds of some steps; None where one of them was not measured.

    >>> seconds({"cpu_seconds": {"train": 3.0, "gate": 1.0}}, "train", "gate")
    4.0
    """
    spent = system.get("cpu_seconds") or {}
    return sum(spent[step] for step in steps) if spent.keys() >= {*steps} else None


def ratio(ours: float | None, theirs: float | None) -> float | None:
    """One over the other, where both are known and the other is not zero.

    >>> ratio(1.0, 4.0), ratio(1.0, 0.0), ratio(None, 4.0)
    (0.25, None, None)
    """
    return ours / theirs if ours is not None and theirs else None
