"""One LoRA for everything: tuned on and on, learned once and kept, or taught all pairs at once.

It answers every query, q = normalise(frozen + expert), on the floor's index.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.quality.stream import Night
from bench.quality.systems.answering import Always, names_found
from bench.quality.systems.base import STEPS, Lived, Search
from bench.quality.systems.lessons import ENOUGH, charged, questions_of, teach
from bench.quality.systems.on_floor import OnFloor
from pipeline.experts.lora import LoraExpert
from pipeline.experts.tuned import WEIGHTS
from pipeline.retriever import Retriever

ABOUT = {
    "one-lora": "one LoRA tuned on and on with each night's pairs, answering everything",
    "never-growing": "one LoRA learned on the first corpus and kept, answering everything",
    "joint-lora": "ceiling of the query side: one LoRA taught all pairs at once, after the last"
    " night",
}


@dataclass(kw_only=True)
class OneLora(OnFloor):
    """Its weights after each night."""

    name: str
    learns_on: bool = True
    """Whether it goes on learning once it has learned."""
    _expert: LoraExpert | None = field(default=None, init=False)
    _taught: bool = field(default=False, init=False)

    def live_through(self, night: Night, batch: Path) -> Lived:
        encoder, seconds = self.floor.encoder, dict.fromkeys(STEPS, 0.0)
        live = self._open(night.name)
        seconds["encode"] = self.floor.encoding(night)
        with charged(encoder, seconds, "train"):
            expert = self._expert or LoraExpert.new(encoder, self.name, self.seed)
            self._expert = expert
            if self.learns_on or not self._taught:
                questions = questions_of(night, live.library, encoder)
                if len(questions) >= ENOUGH:
                    teach(encoder, expert, questions, live.library, self.seed)
                    self._taught = True
        with self._whole(night.name) as folder:
            expert.save(folder)
        told = {"taught": self._taught}
        return Lived((), 1, expert.parameter_count, seconds, told=told)

    def searches(self) -> Mapping[str, Search]:
        return {self.name: self._answer}

    def resume(self, night: str, lived: Mapping[str, Any]) -> bool:
        folder = self.root / night
        if not (folder / WEIGHTS).is_file():
            return False
        self._expert = LoraExpert.load(self.floor.encoder, self.name, folder)
        self._taught = lived["told"]["taught"]
        self._open(night)
        return True

    def close(self) -> None:
        self._leave()
        if self._expert is not None:
            self._expert.detach()
            self._expert = None

    def _answer(self, domain: str, queries: Sequence[str], k: int) -> list[list[str]]:
        assert self._live is not None
        assert self._expert is not None
        experts = {self.name: self._expert}
        router = Always(expert=self.name)
        retriever = Retriever(self.floor.encoder, experts, router, self._live.index)
        return names_found(self._live.library, retriever, queries, k)
