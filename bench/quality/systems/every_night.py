"""Naive growth: every night that brings enough pairs makes an expert, and nobody is asked.

Queries go where the product's router sends them, by centroids of each night's training queries.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from bench.quality.systems.answering import names_found
from bench.quality.systems.base import Search
from bench.quality.systems.nightly_experts import NightlyExperts
from flows.live import Live
from pipeline.encoder import Vectors
from pipeline.questions import Questions
from pipeline.retriever import Retriever
from pipeline.router import Router, prototypes_of

NAME = "expert-every-night"
ABOUT = {NAME: "naive growth: a new expert for every night with 20 real pairs, no gate"}
HELD_OUT = "held_out.npy"


@dataclass(kw_only=True)
class EveryNight(NightlyExperts):
    """The router, and what it is calibrated by."""

    prefix = "every"
    _router: Router = field(default_factory=Router, init=False)
    _held_out: list[Vectors] = field(default_factory=list, init=False)

    def searches(self) -> Mapping[str, Search]:
        return {NAME: self._answer}

    def _make_way(self, night: str, questions: Questions, live: Live) -> None:
        name = next(reversed(self._experts))
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
        self._router.save(folder)
        np.save(folder / HELD_OUT, np.concatenate(self._held_out), allow_pickle=False)

    def _read(self, folder: Path) -> None:
        self._router = Router.load(folder)
        self._held_out = [np.load(folder / HELD_OUT, allow_pickle=False)]
