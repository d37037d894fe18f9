"""What systems share that make an expert every night that brings enough pairs, and ask nobody."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from bench.quality.stream import Night
from bench.quality.systems.base import STEPS, Lived
from bench.quality.systems.lessons import ENOUGH, charged, questions_of, teach
from bench.quality.systems.on_floor import OnFloor
from flows.live import Live
from pipeline.composition.base import Composition
from pipeline.composition.methods import HALVES
from pipeline.experts.lora import LoraExpert
from pipeline.questions import Questions


@dataclass(kw_only=True)
class NightlyExperts(OnFloor, ABC):
    """Experts and the night of each; how queries find them is for others to say."""

    prefix: ClassVar[str]
    """Begins the names of its experts: other systems have theirs in the same encoder."""
    composition: ClassVar[Composition] = HALVES
    _experts: dict[str, LoraExpert] = field(default_factory=dict, init=False)
    _born: dict[str, str] = field(default_factory=dict, init=False)

    def live_through(self, night: Night, batch: Path) -> Lived:
        encoder, seconds = self.floor.encoder, dict.fromkeys(STEPS, 0.0)
        live = self._open(night.name)
        seconds["encode"] = self.floor.encoding(night)
        with charged(encoder, seconds, "train"):
            questions = questions_of(night, live.library, encoder)
            grown = len(questions) >= ENOUGH
            if grown:
                self._grow(night.name, questions, live)
        if grown:
            with charged(encoder, seconds, "gate"):
                self._make_way(night.name, questions, live)
        with self._whole(night.name) as folder:
            for name in (name for name, born in self._born.items() if born == night.name):
                (folder / name).mkdir()
                self._experts[name].save(folder / name)
            if self._experts:
                self._keep(night.name, folder)
        return Lived(
            ("spawn",) if grown else ("absorb",),
            len(self._experts),
            sum(expert.parameter_count for expert in self._experts.values()),
            seconds,
            told={"born": dict(self._born)},
        )

    def resume(self, night: str, lived: Mapping[str, Any]) -> bool:
        folder = self.root / night
        if not folder.is_dir():
            return False
        for name, born in lived["told"]["born"].items():
            own = self.root / born / name
            self._experts[name] = LoraExpert.load(self.floor.encoder, name, own)
            self._born[name] = born
        if self._experts:
            self._read(folder)
        self._open(night)
        return True

    def close(self) -> None:
        self._leave()
        for expert in self._experts.values():
            expert.detach()
        self._experts.clear()

    @abstractmethod
    def _make_way(self, night: str, questions: Questions, live: Live) -> None:
        """See to it that queries find tonight's expert, the last of all."""

    @abstractmethod
    def _keep(self, night: str, folder: Path) -> None:
        """Write what is known besides the experts."""

    @abstractmethod
    def _read(self, folder: Path) -> None:
        """Take it in again."""

    def _grow(self, night: str, questions: Questions, live: Live) -> None:
        encoder, name = self.floor.encoder, f"{self.prefix}{1 + len(self._experts)}"
        expert = LoraExpert.new(encoder, name, self.seed)
        self._experts[name], self._born[name] = expert, night
        teach(encoder, expert, questions, live.library, self.seed, self.composition)
