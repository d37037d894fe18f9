"""The few settings that users need; a version keeps those it was made with."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Self

from pipeline.index import EXACT


@dataclass(frozen=True)
class Settings:
    """`false_alarms_per_year`: nights of known text that may be called new, in 365 nights.
    `train_minutes`: how long one night may train. `index`: a FAISS factory string. `seed`: of
    everything random.
    """

    false_alarms_per_year: float = 1.0
    train_minutes: float = 30.0
    index: str = EXACT
    seed: int = 0

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, page: dict[str, Any]) -> Self:
        return cls(**page)
