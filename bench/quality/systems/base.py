"""What every system can do: live through nights, and be asked after each of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

from bench.quality.stream import Night

Search = Callable[[str, Sequence[str], int], list[list[str]]]
"""(domain, queries, k) -> the names of the documents found, best first. Only an oracle looks at the
domain."""
STEPS = ("encode", "detect", "train", "gate", "search")


@dataclass(frozen=True)
class Lived:
    """What a night came to: decisions, growth, and the CPU seconds of each step."""

    outcomes: tuple[str, ...] = ()
    experts: int = 0
    expert_parameters: int = 0
    cpu_seconds: Mapping[str, float] = field(default_factory=dict)
    served: Mapping[str, str] = field(default_factory=dict)
    """Domain -> the expert that serves most of its queries' kind, or "frozen"."""
    told: Mapping[str, Any] = field(default_factory=dict)
    """What else a reader may want to see: drift by layer, the outcomes in full."""

    def as_json(self) -> dict[str, Any]:
        return asdict(self)


class System(Protocol):
    """One way of living through the nights; nights come in order, the first corpus first."""

    def live_through(self, night: Night, batch: Path) -> Lived:
        """Take in a night, which also lies in the folder `batch`."""
        ...

    def searches(self) -> Mapping[str, Search]:
        """The ways to ask it as it is now, by the name of their row in the tables."""
        ...

    def resume(self, night: str, lived: Mapping[str, Any]) -> bool:
        """Go on after this night, which was lived as told; False where too little is left of it."""
        ...

    def close(self) -> None:
        """Let go of the encoder."""
        ...
