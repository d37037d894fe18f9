"""Fine-tuning without re-indexing, and queries that are moved back to where the documents are.

    q_s = normalise( f_t(q) - Σ_{k=s+1..t} Δ_k ),     Δ_k = mean over queries of f_k(q) - f_{k-1}(q)

Documents keep the vectors of the encoder f_s that was live when they came; a query asks each such
generation with its own vector, and hits compare by score. Δ is of the night's training queries,
each counted once.
D. Goswami et al., "Query Drift Compensation" (arXiv 2506.00037), without its distillation loss.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from heapq import nlargest
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file
from safetensors.torch import load_model, save_model

from bench.quality.stream import Night
from bench.quality.systems.base import STEPS, Lived, Search
from bench.quality.systems.full_ft import AT_ONCE, fine_tune_on
from bench.quality.systems.lessons import ENOUGH, charged, questions_of
from bench.quality.systems.on_floor import OnFloor
from pipeline.composition.base import unit
from pipeline.encoder import Encoder, Vectors
from pipeline.index import Index, Shelf
from pipeline.library import Library
from pipeline.tried import each_once

NAME = "full-ft-qdc"
ABOUT = {NAME: "the whole encoder fine-tuned, nothing encoded again, queries moved back (QDC)"}
MODEL, VECTORS, DRIFTS = "model.safetensors", "vectors.safetensors", "drifts.safetensors"
Generations = dict[int, dict[str, Vectors]]
"""Number of trainings before -> vectors by the hash of a text."""


@dataclass(kw_only=True)
class DriftCompensated(OnFloor):
    """The encoder, every training's drift, and vectors of all generations."""

    _model: Encoder | None = field(default=None, init=False)
    _drifts: list[Vectors] = field(default_factory=list, init=False)
    _vectors: Generations = field(default_factory=dict, init=False)
    _shards: list[tuple[int, list[str], Index]] = field(default_factory=list, init=False)
    _nights: list[str] = field(default_factory=list, init=False)
    """Whose folders hold vectors that count."""

    def live_through(self, night: Night, batch: Path) -> Lived:
        seconds = dict.fromkeys(STEPS, 0.0)
        live = self._open(night.name)
        model = self._model = self._model or Encoder(self.floor.encoder.checkpoint)
        with charged(self.floor.encoder, seconds, "train"):
            questions = questions_of(night, live.library, self.floor.encoder)
            if len(questions) >= ENOUGH:
                asked, _ = each_once(questions)
                before = model.encode_queries(asked)
                fine_tune_on(model, questions, live.library, self.floor.encoder, self.seed)
                self._drifts.append((model.encode_queries(asked) - before).mean(axis=0))
        with charged(self.floor.encoder, seconds, "encode"):
            fresh = self._encode(model, live.library)
        with self._whole(night.name) as folder:
            self._keep(model, folder, fresh)
        for older in self._nights[:-1]:  # A kill now may have to go back to the last.
            (self.root / older / MODEL).unlink(missing_ok=True)
        self._nights.append(night.name)
        self._shelve(live.library)
        told = {"generation": len(self._drifts), "nights": list(self._nights)}
        return Lived(cpu_seconds=seconds, told=told)

    def searches(self) -> Mapping[str, Search]:
        return {NAME: self.corrected}

    def corrected(self, domain: str, queries: Sequence[str], k: int) -> list[list[str]]:
        return self._found(queries, k, self._drifts)

    def uncorrected(self, domain: str, queries: Sequence[str], k: int) -> list[list[str]]:
        """As if no training had moved a query: what the correction is measured against."""
        return self._found(queries, k, [])

    def resume(self, night: str, lived: Mapping[str, Any]) -> bool:
        folder = self.root / night
        if not (folder / MODEL).is_file():
            return False
        self._model = Encoder(self.floor.encoder.checkpoint)
        load_model(self._model.model, folder / MODEL)
        kept = load_file(folder / DRIFTS)
        self._drifts = [kept[str(number)] for number in range(lived["told"]["generation"])]
        self._nights = list(lived["told"]["nights"])
        for own in self._nights:
            for name, vectors in load_file(self.root / own / VECTORS).items():
                generation, digest = name.split("/")
                self._vectors.setdefault(int(generation), {})[digest] = vectors
        self._shelve(self._open(night).library)
        return True

    def close(self) -> None:
        self._leave()
        self._model, self._shards = None, []

    def _encode(self, model: Encoder, library: Library) -> dict[str, Vectors]:
        """Texts that no generation has, by the encoder as it is now."""
        numbers = {library.text_hash(number): number for number in library.number_of.values()}
        known = {digest for some in self._vectors.values() for digest in some}
        fresh = [digest for digest in numbers if digest not in known]
        texts = [library.texts(numbers[digest]) for digest in fresh]
        everything = [text for some in texts for text in some]
        parts = [
            model.encode_documents(everything[start : start + AT_ONCE]).vectors
            for start in range(0, len(everything), AT_ONCE)
        ]
        ends = np.cumsum([len(some) for some in texts])[:-1]
        split = np.split(np.concatenate(parts), ends) if parts else []
        now = dict(zip(fresh, split, strict=True))
        self._vectors.setdefault(len(self._drifts), {}).update(now)
        return {f"{len(self._drifts)}/{digest}": vectors for digest, vectors in now.items()}

    def shelve_alone(self, domain: str) -> None:
        """From now on the documents of one domain are all that is found."""
        assert self._live is not None
        self._shelve(self._live.library, f"{domain}/")

    def _shelve(self, library: Library, named: str = "") -> None:
        """An index for each generation that a live document, its name beginning so, is of."""
        self._shards = []
        there = {
            key[1]: library.text_hash(number)
            for key, number in library.number_of.items()
            if key[1].startswith(named)
        }
        for generation, vectors in sorted(self._vectors.items()):
            names = [name for name, digest in there.items() if digest in vectors]
            if names:
                parts = [vectors[there[name]] for name in names]
                first = np.cumsum([0, *(len(part) for part in parts)])
                shelf = Shelf(NAME, np.concatenate(parts), first, np.ones(len(names), bool))
                self._shards.append((generation, names, Index([shelf])))

    def _found(self, queries: Sequence[str], k: int, drifts: Sequence[Vectors]) -> list[list[str]]:
        assert self._model is not None
        asked = self._model.encode_queries(queries)
        hits: list[list[tuple[float, str]]] = [[] for _ in queries]
        for generation, names, index in self._shards:
            found = index.search(moved_back(asked, drifts[generation:]), k)
            for own, line in zip(hits, found, strict=True):
                own += [(hit.score, names[hit.number]) for hit in line]
        return [[name for _, name in nlargest(k, own)] for own in hits]

    def _keep(self, model: Encoder, folder: Path, fresh: Mapping[str, Vectors]) -> None:
        save_model(model.model, str(folder / MODEL))
        save_file({str(n): drift for n, drift in enumerate(self._drifts)}, folder / DRIFTS)
        save_file(dict(fresh), folder / VECTORS)


def moved_back(queries: Vectors, drifts: Sequence[Vectors]) -> Vectors:
    """Queries as they were before trainings that moved them so.

    >>> moved_back(np.array([[1.0, 1.0]]), [np.array([0.5, 1.0]), np.array([0.5, -1.0])])
    array([[0., 1.]], dtype=float32)
    """
    return unit(queries - sum(drifts, np.zeros(queries.shape[1], np.float32)))
