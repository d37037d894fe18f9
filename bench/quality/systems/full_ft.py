"""The whole encoder fine-tuned, and everything encoded again: the costly way, night by night.

Loss of a pair (query q, passage d⁺), with s = 1 / TEMPERATURE as for our experts:

    -log  exp(s q·d⁺) / Σ_d exp(s q·d)

where d runs over the batch's passages and as many others that the same night asks about. Other
known answers of the query are left out.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_model, save_model

from bench.quality.stream import Night
from bench.quality.systems.base import STEPS, Lived, Search
from bench.quality.systems.frozen import Floor
from bench.quality.systems.lessons import ENOUGH, charged, questions_of
from flows.live import Live
from pipeline.both_sides import TEMPERATURE
from pipeline.encoder import Encoder, Vectors, batches
from pipeline.index import Index, Shelf
from pipeline.lessons import asked_about, lessons
from pipeline.library import Library
from pipeline.questions import Questions
from pipeline.training import BATCH, EPOCHS, WARM_UP

ABOUT = {
    "full-ft": "the whole encoder fine-tuned on each night's pairs, everything encoded again",
    "joint-full-ft": "ceiling: the whole encoder fine-tuned on all pairs at once, after the last"
    " night",
}
LEARNING_RATE = 5e-5
AT_ONCE = 256
Rows = npt.NDArray[np.int64]


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

    def live_through(self, night: Night, batch: Path) -> Lived:
        seconds = dict.fromkeys(STEPS, 0.0)
        model = self._model or Encoder(self.floor.encoder.checkpoint)
        self._model = model
        with self.floor.after(night.name) as live:
            with charged(self.floor.encoder, seconds, "train"):
                _learn(model, night, live, self.floor, self.seed)
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
        """Every passage of every live document, by the encoder as it is now."""
        assert self._model is not None
        texts = [text for n in sorted(library.number_of.values()) for text in library.texts(n)]
        parts = [
            self._model.encode_documents(texts[start : start + AT_ONCE]).vectors
            for start in range(0, len(texts), AT_ONCE)
        ]
        vectors = np.concatenate(parts)
        self._shelve(library, vectors)
        return vectors

    def _shelve(self, library: Library, vectors: Vectors) -> None:
        self._library = library
        self._numbers = sorted(library.number_of.values())
        first = np.cumsum([0, *(len(library.vectors(number)) for number in self._numbers)])
        live = np.ones(len(self._numbers), bool)
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


def _learn(model: Encoder, night: Night, live: Live, floor: Floor, seed: int) -> None:
    questions = questions_of(night, live.library, floor.encoder)
    if len(questions) >= ENOUGH:
        fine_tune_on(model, questions, live.library, floor.encoder, seed)


def fine_tune_on(
    model: Encoder, questions: Questions, library: Library, frozen: Encoder, seed: int
) -> None:
    """Change every weight of the model, so that it answers these questions."""
    made = lessons(questions, library)
    numbers = [library.number_of[key] for key in asked_about(questions)]
    texts = [text for number in numbers for text in library.texts(number)]
    # Of a long document, the passage that the frozen encoder finds nearest answers the query.
    near = frozen.encode_queries(made.queries)
    best = [
        int(rows[(made.candidates[rows] @ vector).argmax()])
        for rows, vector in zip(made.answers, near, strict=True)
    ]
    fine_tune(model, made.queries, texts, made.answers, np.array(best), seed)


def fine_tune(
    model: Encoder,
    queries: Sequence[str],
    passages: Sequence[str],
    answers: Sequence[Rows],
    best: Rows,
    seed: int,
) -> None:
    """Change every weight of the model; `best[i]` is the passage that query i is taught."""
    asked, read = model.tokenise(queries, "query"), model.tokenise(passages, "document")
    random = np.random.default_rng(seed)
    model.model.requires_grad_(True)
    parameters = list(model.model.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.01)
    total = EPOCHS * -(-len(queries) // BATCH)
    warm = max(1, int(WARM_UP * total))
    rate = torch.optim.lr_scheduler.LambdaLR(
        optimizer, lambda step: min((step + 1) / warm, (total - step) / max(1, total - warm))
    )
    for _ in range(EPOCHS):
        order = random.permutation(len(queries))
        for rows in np.array_split(order, -(-len(order) // BATCH)):
            others = random.choice(len(passages), min(BATCH, len(passages)), replace=False)
            columns = np.union1d(best[rows], others)
            logits = _embed(model, asked, rows) @ _embed(model, read, columns).T / TEMPERATURE
            targets = np.searchsorted(columns, best[rows])
            known = np.array([np.isin(columns, answers[row]) for row in rows])
            known[np.arange(len(rows)), targets] = False
            logits = logits.masked_fill(torch.from_numpy(known), -torch.inf)
            loss = torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets))
            optimizer.zero_grad(set_to_none=True)
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(parameters, 1.0)
            optimizer.step()
            rate.step()
    model.model.requires_grad_(False)


def _embed(model: Encoder, tokens: Sequence[list[int]], rows: Rows) -> torch.Tensor:
    """Vectors in the order of `rows`, through the network in batches of like length."""
    some = [tokens[row] for row in rows]
    order: list[int] = []
    parts = []
    for places in batches([len(ids) for ids in some]):
        order += places
        parts.append(model.embed([some[place] for place in places]))
    return torch.cat(parts)[torch.from_numpy(np.argsort(order))]
