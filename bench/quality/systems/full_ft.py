"""The whole encoder fine-tuned, and everything encoded again: the costly way, night by night.

Loss of a pair (query q, passage d⁺), with s = 1 / TEMPERATURE as for experts of both sides:

    -log  exp(s q·d⁺) / Σ_d exp(s q·d)

where d runs over the passages of a batch, each with up to four of its queries
(pipeline/both_sides.py), all of one domain. Other known answers of the query are left out.
"""

from __future__ import annotations

import math
import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors.torch import load_model, save_model

from bench.quality.stream import Night
from bench.quality.systems.base import STEPS, Lived, Search
from bench.quality.systems.frozen import Floor
from bench.quality.systems.lessons import ENOUGH, charged, questions_of
from flows.live import Live
from pipeline.both_sides import PlainCourse, Rows
from pipeline.documents import Key
from pipeline.encoder import Encoder, Vectors
from pipeline.index import Index, Shelf
from pipeline.lessons import asked_about, lessons
from pipeline.library import Library
from pipeline.questions import Questions
from pipeline.training import Lessons, even, run

ABOUT = {
    "full-ft": "the whole encoder fine-tuned on each night's pairs, everything encoded again",
    "joint-full-ft": "ceiling: the whole encoder fine-tuned on all pairs at once, after the last"
    " night",
}
AT_ONCE = 256


@dataclass
class FullFineTuning:
    """Its weights after the newest night lie in `root`, and its vectors of every document."""

    name: str
    root: Path
    floor: Floor
    seed: int
    _model: Encoder | None = field(default=None, init=False)
    _library: Library | None = field(default=None, init=False)
    _index: Index | None = field(default=None, init=False)
    _numbers: list[int] = field(default_factory=list, init=False)
    _known: dict[str, Vectors] = field(default_factory=dict, init=False)
    """Documents by the hash of their text, as the weights of today see them."""

    def live_through(self, night: Night, batch: Path) -> Lived:
        seconds = dict.fromkeys(STEPS, 0.0)
        model = self._model or Encoder(self.floor.encoder.checkpoint)
        self._model = model
        with self.floor.after(night.name) as live:
            with charged(self.floor.encoder, seconds, "train"):
                if _learn(model, night, live, self.floor, self.seed):
                    self._known = {}
            with charged(self.floor.encoder, seconds, "encode"):
                vectors = self._encode(live.library)
        self._keep(night.name, vectors)
        return Lived(cpu_seconds=seconds)

    def searches(self) -> Mapping[str, Search]:
        return {self.name: self._answer}

    def resume(self, night: str, lived: Mapping[str, Any]) -> bool:
        if not (self.root / f"{night}.safetensors").is_file():
            return False
        self._model = Encoder(self.floor.encoder.checkpoint)
        load_model(self._model.model, self.root / f"{night}.safetensors")
        with self.floor.after(night) as live:
            self._shelve(live.library, np.load(self.root / f"{night}.npy", allow_pickle=False))
        return True

    def close(self) -> None:
        self._model = self._library = self._index = None

    def _encode(self, library: Library) -> Vectors:
        """Every passage of every live document; all anew on a night that taught something."""
        assert self._model is not None
        numbers = sorted(library.number_of.values())
        fresh = [n for n in numbers if library.text_hash(n) not in self._known]
        texts = [text for n in fresh for text in library.texts(n)]
        parts = [
            self._model.encode_documents(texts[start : start + AT_ONCE]).vectors
            for start in range(0, len(texts), AT_ONCE)
        ]
        ends = np.cumsum([len(library.texts(n)) for n in fresh])[:-1]
        split = np.split(np.concatenate(parts), ends) if parts else []
        made = {library.text_hash(n): own for n, own in zip(fresh, split, strict=True)}
        seen = {**self._known, **made}
        vectors = np.concatenate([seen[library.text_hash(n)] for n in numbers])
        self._shelve(library, vectors)
        return vectors

    def _shelve(self, library: Library, vectors: Vectors) -> None:
        self._library = library
        self._numbers = sorted(library.number_of.values())
        first = np.cumsum([0, *(len(library.vectors(number)) for number in self._numbers)])
        live = np.ones(len(self._numbers), bool)
        self._known = {
            library.text_hash(number): vectors[start:end]
            for number, start, end in zip(self._numbers, first, first[1:], strict=False)
        }
        self._index = Index([Shelf(self.name, vectors, first, live)])

    def _keep(self, night: str, vectors: Vectors) -> None:
        """The newest weights and vectors; older ones go, the weights come last and count."""
        assert self._model is not None
        self.root.mkdir(parents=True, exist_ok=True)
        old = list(self.root.iterdir())
        np.save(self.root / f"{night}.npy", vectors, allow_pickle=False)
        save_model(self._model.model, str(self.root / "half"))
        os.replace(self.root / "half", self.root / f"{night}.safetensors")
        for file in old:
            if file.stem != night:
                file.unlink(missing_ok=True)

    def _answer(self, domain: str, queries: Sequence[str], k: int) -> list[list[str]]:
        assert self._model is not None
        assert self._index is not None
        assert self._library is not None
        name_of = {number: key[1] for key, number in self._library.number_of.items()}
        found = self._index.search(self._model.encode_queries(queries), k)
        return [[name_of[self._numbers[hit.number]] for hit in hits] for hits in found]


def _learn(model: Encoder, night: Night, live: Live, floor: Floor, seed: int) -> bool:
    """Whether the night asked enough to teach."""
    questions = questions_of(night, live.library, floor.encoder)
    if len(questions) < ENOUGH:
        return False
    fine_tune_on(model, questions, live.library, floor.encoder, seed)
    return True


def fine_tune_on(
    model: Encoder, questions: Questions, library: Library, frozen: Encoder, seed: int
) -> None:
    """Change every weight of the model, so that it answers these questions."""
    made = lessons(questions, library)
    numbers = [library.number_of[key] for key in asked_about(questions)]
    texts = [text for number in numbers for text in library.texts(number)]
    _, domain = np.unique([_domain(key) for key in asked_about(questions)], return_inverse=True)
    domains = np.repeat(domain, [len(library.texts(number)) for number in numbers])
    fine_tune(model, made, texts, frozen.encode_queries(made.queries), domains, seed)


def _domain(key: Key) -> str:
    return key[1].split("/")[0]


def fine_tune(
    model: Encoder,
    made: Lessons,
    texts: Sequence[str],
    frozen: Vectors,
    domains: Rows,
    seed: int,
) -> None:
    """The product's loop over its lessons for both sides, with all weights open.

    `texts[i]` is candidate i of the lessons, of domain `domains[i]`; `frozen` are the queries in
    the candidates' space: of a long document, the passage nearest to a query there is taught.
    """
    course = _ByDomain(domains, model, made, texts, seed, frozen)
    run(course, Whole(model), time.monotonic(), minutes=math.inf, seed=seed)


class _ByDomain(PlainCourse):
    """Batches of one domain each, as far as they go: others' passages are no rivals to learn from,
    and the experts that this is compared with have thousands of their own."""

    def __init__(self, domains: Rows, *lessons: Any) -> None:
        super().__init__(*lessons)
        self.domains = domains

    def deal(self, rows: Rows) -> list[Rows]:
        return even(rows[np.argsort(self.domains[rows], kind="stable")], self.batch)


@dataclass(frozen=True)
class Whole:
    """An encoder whose weights all learn."""

    model: Encoder
    name: str = "the whole encoder"
    learning_rate: float = 1e-4
    epochs: int = 2
    """As good as four of half the rate (docs/decisions.md, "The costly way")."""

    def trainable(self) -> Sequence[torch.Tensor]:
        return list(self.model.model.requires_grad_(True).parameters())

    def attached(self) -> AbstractContextManager[None]:
        """They are where they belong."""
        return nullcontext()

    def freeze(self) -> None:
        self.model.model.requires_grad_(False)
