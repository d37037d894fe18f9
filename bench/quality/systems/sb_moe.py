"""SB-MoE on the stream: one block for every query and document, which grows by an expert a night.

The encoder stays frozen: after each night all vectors that are there pass the block once more, and
nothing is encoded. Two rows ask the same block: its best expert alone, or all of them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.quality.stream import Night
from bench.quality.systems.base import STEPS, Lived, Search
from bench.quality.systems.lessons import ENOUGH, charged, questions_of
from bench.quality.systems.on_floor import OnFloor
from bench.quality.systems.own_index import OwnIndex
from flows.live import Live
from pipeline.lessons import lessons
from pipeline.library import Library
from pipeline.mixture import FILE, FIRST, Mixture, teach
from pipeline.questions import Questions
from pipeline.tried import each_once

ABOUT = {
    "sb-moe": "SB-MoE (arXiv 2510.15683): one mixture block after pooling, its best expert alone",
    "sb-moe-all": "SB-MoE, all experts as the gate weighs them",
}
KEEP = {"sb-moe": 1, "sb-moe-all": None}


@dataclass(kw_only=True)
class SbMoe(OnFloor):
    """The block after each night."""

    _block: Mixture | None = field(default=None, init=False)
    _indices: dict[str, OwnIndex] = field(default_factory=dict, init=False)

    def live_through(self, night: Night, batch: Path) -> Lived:
        encoder, seconds = self.floor.encoder, dict.fromkeys(STEPS, 0.0)
        live = self._open(night.name)
        seconds["encode"] = self.floor.encoding(night)
        with charged(encoder, seconds, "train"):
            questions = questions_of(night, live.library, encoder)
            grown = len(questions) >= ENOUGH
            if grown:
                self._grow(questions, live.library)
        with charged(encoder, seconds, "encode"):
            self._index(live)
        with self._whole(night.name) as folder:
            if self._block is not None:
                self._block.save(folder)
        count = self._block.parameter_count if self._block else 0
        experts = self._block.experts if self._block else 0
        return Lived(("spawn",) if grown else ("absorb",), experts, count, seconds)

    def searches(self) -> Mapping[str, Search]:
        return {name: partial(self._answer, name) for name in ABOUT}

    def resume(self, night: str, lived: Mapping[str, Any]) -> bool:
        folder = self.root / night
        if not folder.is_dir():
            return False
        self._block = Mixture.load(folder) if (folder / FILE).is_file() else None
        self._index(self._open(night))
        return True

    def close(self) -> None:
        self._leave()
        self._block, self._indices = None, {}

    def _grow(self, questions: Questions, library: Library) -> None:
        """A first block, or one expert more."""
        _, vectors = each_once(questions)
        made = lessons(questions, library)
        # Of a long document, the passage that the frozen encoder finds nearest answers the query.
        best = [
            int(rows[(made.candidates[rows] @ vector).argmax()])
            for rows, vector in zip(made.answers, vectors, strict=True)
        ]
        first = self._block is None
        block = self._block or Mixture.new(vectors.shape[1], self.seed)
        if not first:
            block = block.grown(self.seed + block.experts)
        newcomers = FIRST if first else 1
        self._block = teach(block, vectors, made.candidates[best], newcomers, self.seed)

    def _index(self, live: Live) -> None:
        library = live.library
        numbers = {library.text_hash(number): number for number in library.number_of.values()}
        parts = [library.vectors(number) for number in numbers.values()]
        ends = np.cumsum([len(part) for part in parts])[:-1]
        everything = np.concatenate(parts)
        for name, keep in KEEP.items():
            made = self._block.asking(keep).rewrite(everything) if self._block else everything
            vectors = dict(zip(numbers, np.split(made, ends), strict=True))
            self._indices[name] = OwnIndex(library, vectors)

    def _answer(self, name: str, domain: str, queries: Sequence[str], k: int) -> list[list[str]]:
        vectors = self.floor.encoder.encode_queries(queries)
        if self._block is not None:
            vectors = self._block.asking(KEEP[name]).rewrite(vectors)
        return self._indices[name].names_found(vectors, k)
