"""MixLoRA-DSI's dense half on the stream: one mixture for all queries, which grows layer by layer.

It learns from each night's pairs and keeps none of them. Documents keep their frozen vectors.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch

from bench.quality.stream import Night
from bench.quality.systems.base import STEPS, Lived, Search
from bench.quality.systems.lessons import ENOUGH, LONG, charged, questions_of
from bench.quality.systems.on_floor import OnFloor
from pipeline.experts.energies import ASKED, cosines_of, shares_out
from pipeline.experts.mixlora import FILE, MixLora
from pipeline.growing import teach
from pipeline.lessons import lessons
from pipeline.training import Lessons


@dataclass(frozen=True)
class Rule:
    """A layer grows where the share of questions out, at sigma, is delta or more."""

    sigma: float
    delta: float
    about: str


RULES = {
    "mixlora": Rule(0.0, 0.01, "MixLoRA-DSI (arXiv 2507.09924), dense: grows by its energy rule"),
    "mixlora-strict": Rule(3.0, 0.2, "the same, where a fifth lies three deviations out"),
    "mixlora-always": Rule(0.0, 0.0, "the same, growing in every layer every night"),
}
ABOUT = {name: rule.about for name, rule in RULES.items()}


@dataclass(kw_only=True)
class MixLoraSystem(OnFloor):
    """The mixture after each night; its first statistics are of ASKED questions."""

    name: str
    _model: MixLora | None = field(default=None, init=False)

    def live_through(self, night: Night, batch: Path) -> Lived:
        encoder, seconds = self.floor.encoder, dict.fromkeys(STEPS, 0.0)
        live, shares = self._open(night.name), list[float]()
        seconds["encode"] = self.floor.encoding(night)
        with charged(encoder, seconds, "train"):
            questions = questions_of(night, live.library, encoder)
        if len(questions) >= ENOUGH:
            made = lessons(questions, live.library)
            with charged(encoder, seconds, "detect"):
                shares = self._grow(made)
            with charged(encoder, seconds, "train"):
                self._teach(made)
        with self._whole(night.name) as folder:
            if self._model is not None:
                self._model.save(folder)
        sizes = self._model.sizes if self._model else []
        count = self._model.parameter_count if self._model else 0
        grown = ("spawn",) if any(self._fires(share) for share in shares) else ("absorb",)
        told = {"out": shares, "sizes": sizes}
        return Lived(grown, max(sizes, default=0), count, seconds, told=told)

    def searches(self) -> Mapping[str, Search]:
        return {self.name: self._answer}

    def resume(self, night: str, lived: Mapping[str, Any]) -> bool:
        folder = self.root / night
        if not folder.is_dir():
            return False
        if (folder / FILE).is_file():
            self._model = MixLora.load(self.floor.encoder, self.name, folder)
        self._open(night)
        return True

    def close(self) -> None:
        self._leave()
        self._model = None

    def _grow(self, made: Lessons) -> list[float]:
        """New experts where tonight's questions are out; everywhere on the first night."""
        order = np.random.default_rng(self.seed).permutation(len(made.queries))[:ASKED]
        some = [made.queries[row] for row in sorted(order.tolist())]
        if self._model is None:
            self._model = MixLora.new(self.floor.encoder, self.name, self.seed)
            tokens = cosines_of(self._model, some)
            self._model.energies.begin([torch.cat(layer) for layer in zip(*tokens, strict=True)])
            return []
        shares = shares_out(self._model, some, RULES[self.name].sigma)
        layers = [layer for layer, share in enumerate(shares) if self._fires(share)]
        self._model.grow(layers, self.seed + sum(self._model.sizes))
        for layer in layers:
            self._model.energies.grow(layer)
        return shares

    def _teach(self, made: Lessons) -> None:
        assert self._model is not None
        if self._model.open:
            teach(self._model, made, minutes=LONG, seed=self.seed)

    def _fires(self, share: float) -> bool:
        return share >= RULES[self.name].delta

    def _answer(self, domain: str, queries: Sequence[str], k: int) -> list[list[str]]:
        assert self._live is not None
        encoder, library = self.floor.encoder, self._live.library
        with self._model.attached() if self._model is not None else nullcontext():
            vectors = encoder.encode_queries(queries)
        name_of = {number: key[1] for key, number in library.number_of.items()}
        found = self._live.index.search(vectors, k)
        return [[name_of[hit.number] for hit in hits] for hits in found]
