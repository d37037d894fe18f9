"""Naive growth: every night that brings enough pairs makes an expert, and nobody is asked.

Queries go where the product's router sends them, by centroids of each night's training queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from bench.quality.stream import Night
from bench.quality.systems.answering import names_found
from bench.quality.systems.base import STEPS, Lived, Search
from bench.quality.systems.lessons import ENOUGH, charged, questions_of, teach
from bench.quality.systems.on_floor import OnFloor
from flows.live import Live
from pipeline.encoder import Vectors
from pipeline.experts.lora import LoraExpert
from pipeline.questions import Questions
from pipeline.retriever import Retriever
from pipeline.router import Router, prototypes_of

NAME = "expert-every-night"
ABOUT = {NAME: "naive growth: a new expert for every night with 20 real pairs, no gate"}
HELD_OUT = "held_out.npy"


@dataclass(kw_only=True)
class EveryNight(OnFloor):
    """Experts, router and what it is calibrated by, after each night."""

    _experts: dict[str, LoraExpert] = field(default_factory=dict, init=False)
    _born: dict[str, str] = field(default_factory=dict, init=False)
    """The night of each expert."""
    _router: Router = field(default_factory=Router, init=False)
    _held_out: list[Vectors] = field(default_factory=list, init=False)

    def live_through(self, night: Night, batch: Path) -> Lived:
        encoder, seconds = self.floor.encoder, dict.fromkeys(STEPS, 0.0)
        live = self._open(night.name)
        seconds["encode"] = self.floor.encoding(night)
        with charged(encoder, seconds, "train"):
            questions = questions_of(night, live.library, encoder)
            grown = len(questions) >= ENOUGH
            if grown:
                self._grow(night.name, questions, live)
        with self._whole(night.name) as folder:
            self._keep(night.name, folder)
        return Lived(
            ("spawn",) if grown else ("absorb",),
            len(self._experts),
            sum(expert.parameter_count for expert in self._experts.values()),
            seconds,
            told={"born": dict(self._born)},
        )

    def searches(self) -> Mapping[str, Search]:
        return {NAME: self._answer}

    def resume(self, night: str, lived: Mapping[str, Any]) -> bool:
        folder = self.root / night
        if not folder.is_dir():
            return False
        encoder = self.floor.encoder
        for name, born in lived["told"]["born"].items():
            self._experts[name] = LoraExpert.load(encoder, name, self.root / born / name)
            self._born[name] = born
        if self._experts:
            self._router = Router.load(folder)
            self._held_out = [np.load(folder / HELD_OUT, allow_pickle=False)]
        self._open(night)
        return True

    def close(self) -> None:
        self._leave()
        for expert in self._experts.values():
            expert.detach()
        self._experts.clear()

    def _grow(self, night: str, questions: Questions, live: Live) -> None:
        encoder, name = self.floor.encoder, f"every{1 + len(self._experts)}"
        expert = LoraExpert.new(encoder, name, self.seed)
        self._experts[name], self._born[name] = expert, night
        teach(encoder, expert, questions, live.library, self.seed)
        self._held_out.append(questions.judging.vectors)
        points = prototypes_of(questions.vectors, self.seed)
        router = self._router.with_kind(name, points, name)
        self._router = router.calibrated(np.concatenate(self._held_out))

    def _answer(self, domain: str, queries: Sequence[str], k: int) -> list[list[str]]:
        assert self._live is not None
        index = self._live.index
        retriever = Retriever(self.floor.encoder, self._experts, self._router, index)
        return names_found(self._live.library, retriever, queries, k)

    def _keep(self, night: str, folder: Path) -> None:
        """Tonight's expert, and the router."""
        if self._experts:
            self._router.save(folder)
            np.save(folder / HELD_OUT, np.concatenate(self._held_out), allow_pickle=False)
        for name in (name for name, born in self._born.items() if born == night):
            (folder / name).mkdir()
            self._experts[name].save(folder / name)
