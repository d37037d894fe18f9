"""The few settings that users need; a version keeps those it was made with."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Self

from nightshift.errors import UsageError
from pipeline.index import EXACT

AUTOMATIC, MANUAL = "auto", "manual"
QUERY, HEAD = "query", "head"
MIXTURE, BLEND = "mixlora", "blend"
CHOICES = {
    "expert": ("lora", "prefix", MIXTURE, HEAD),
    "router": ("softmax", "margin", "nearest", "top-k"),
    "compose": ("halves", BLEND),
    "side": (QUERY, HEAD, AUTOMATIC),
    "approval": (AUTOMATIC, MANUAL),
}
"""Settings that are one of a few words."""


def _setting(default: Any, told: str, least: float | None = None) -> Any:
    return field(default=default, metadata={"help": told, "least": least})


@dataclass(frozen=True)
class Settings:
    """How nights are lived through.

    >>> Settings(train_minutes=5).as_json()["train_minutes"]
    5
    >>> Settings(seed=-1)
    Traceback (most recent call last):
    nightshift.errors.UsageError: seed is finite and at least 0, not -1; try: nightshift config
    """

    false_alarms_per_year: float = _setting(
        1.0, "nights a year that may be called new by mistake", 0
    )
    gate_margin: float = _setting(0.0, "nDCG@10 an expert must surely gain on its kind", 0)
    gate_tolerance: float = _setting(0.005, "nDCG@10 that any other kind may lose", 0)
    train_minutes: float = _setting(30.0, "minutes that one night may train", 0)
    expert: str = _setting(
        "lora",
        '"lora", "prefix", "mixlora"; or "head": how a new expert changes the encoder, or not',
    )
    router: str = _setting(
        "softmax", '"softmax", "margin", "nearest" or "top-k": how kinds share a query'
    )
    compose: str = _setting(
        "halves",
        '"halves" or "blend": vectors of experts, half frozen, or one pass through their sum',
    )
    side: str = _setting(
        HEAD,
        '"query", "head": rewrites vectors of documents too, or "auto": encodes anew where it pays',
    )
    max_experts: int = _setting(32, "experts that may be live at once", 0)
    index: str = _setting(EXACT, 'FAISS index factory, such as "HNSW32"')
    lexical: bool = _setting(True, "whether words find documents beside vectors")
    encoder: str | None = _setting(None, "for init: a folder or a hub id, else all-MiniLM-L6-v2")
    approval: str = _setting(
        AUTOMATIC, '"auto": what the gate accepts goes live, or "manual": a new expert waits'
    )
    seed: int = _setting(0, "of everything random", 0)

    def __post_init__(self) -> None:
        for one in fields(self):
            value, least = getattr(self, one.name), one.metadata["least"]
            # "not >=" is also true of NaN.
            if least is not None and not least <= value < math.inf:
                raise UsageError(
                    f"{one.name} is finite and at least {least}, not {value}",
                    hint="nightshift config",
                )
        for name, known in CHOICES.items():
            if getattr(self, name) not in known:
                told = " or ".join(f'"{one}"' for one in known)
                raise UsageError(
                    f"{name} is {told}, not {getattr(self, name)!r}", hint="nightshift config"
                )
        if (self.expert, self.compose) == (MIXTURE, BLEND):
            raise UsageError(
                f'expert = "{MIXTURE}" has no sum for compose = "{BLEND}"', hint="--compose halves"
            )
        if self.expert == HEAD != self.side:
            raise UsageError(
                f'expert = "{HEAD}" is nothing but a head: side is "{HEAD}", not "{self.side}"',
                hint=f"--side {HEAD}",
            )

    def as_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, page: dict[str, Any]) -> Self:
        """The settings of a version; what an older nightshift did not know has its default."""
        return cls(**page)
