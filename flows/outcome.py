"""What became of a part of a night."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Outcome:
    """What became of a group, as history tells it; two kinds may have one name."""

    kind: str
    documents: int
    outcome: str
    reason: str
    expert: str | None = None
    gate: Mapping[str, Any] | None = None
    kind_id: str | None = None

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))
