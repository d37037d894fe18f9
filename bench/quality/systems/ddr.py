"""DDR on the stream: a general prefix learned on the first corpus, then a prefix every night.

Every document is encoded once, through the general prefix. Three rows ask the same prefixes by the
same router: softly, the two best, and those of the nights that brought the query's domain (prior).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import load_file, save_file

from bench.quality.stream import BOOTSTRAP, Night
from bench.quality.systems.base import STEPS, Lived, Search
from bench.quality.systems.lessons import ENOUGH, LONG, charged, questions_of
from bench.quality.systems.on_floor import OnFloor
from bench.quality.systems.own_index import OwnIndex
from flows.live import Live
from pipeline.composition.base import unit
from pipeline.composition.blend import encode_blended
from pipeline.encoder import Vectors
from pipeline.experts.prefix import PrefixExpert
from pipeline.lessons import asked_about, lessons
from pipeline.library import Library
from pipeline.phases import teach_beside, teach_general
from pipeline.questions import Questions
from pipeline.routing.learned import LearnedRouter

ABOUT = {
    "ddr-soft": "DDR (arXiv 2602.22547): prefixes added as its router weighs them",
    "ddr-topk": "DDR, the two best prefixes alone",
    "ddr-prior": "DDR, told of each query which nights brought its domain",
}
FIRST = "ddr0"
"""The general prefix; not called as an encoder's own, which would stand before everything."""
ROWS, VECTORS, QUESTIONS = "router.safetensors", "vectors.safetensors", "questions"
REHEARSED = 200
"""Questions of the first corpus, and of each older night, that the router is taught besides."""


@dataclass(kw_only=True)
class Ddr(OnFloor):
    """The general prefix, experts, router, and every document's vectors."""

    _general: PrefixExpert | None = field(default=None, init=False)
    _experts: dict[str, PrefixExpert] = field(default_factory=dict, init=False)
    _born: dict[str, str] = field(default_factory=dict, init=False)
    _brought: dict[str, list[str]] = field(default_factory=dict, init=False)
    """Expert -> the domains of its night."""
    _asked: dict[str, Questions] = field(default_factory=dict, init=False)
    _router: LearnedRouter = field(default_factory=LearnedRouter, init=False)
    _vectors: dict[str, Vectors] = field(default_factory=dict, init=False)
    """Documents through the general prefix, by the hash of their text."""
    _index: OwnIndex | None = field(default=None, init=False)

    def live_through(self, night: Night, batch: Path) -> Lived:
        encoder, seconds = self.floor.encoder, dict.fromkeys(STEPS, 0.0)
        live = self._open(night.name)
        with charged(encoder, seconds, "train"):
            questions = questions_of(night, live.library, encoder)
            if night.name == BOOTSTRAP:
                self._begin(questions, live)
        with charged(encoder, seconds, "encode"):
            fresh = self._encode(live.library)
        with charged(encoder, seconds, "train"):
            grown = night.name != BOOTSTRAP and len(questions) >= ENOUGH
            if grown:
                self._grow(night, questions, live)
        with self._whole(night.name) as folder:
            self._keep(night.name, folder, fresh)
        return Lived(
            ("spawn",) if grown else ("absorb",),
            len(self._experts),
            sum(one.parameter_count for one in self._all()) + self._router.parameter_count,
            seconds,
            told={"born": dict(self._born), "brought": dict(self._brought)},
        )

    def searches(self) -> Mapping[str, Search]:
        return {
            "ddr-soft": lambda domain, queries, k: self._answer(self._router, queries, k),
            "ddr-topk": lambda domain, queries, k: self._answer(self._router.top(), queries, k),
            "ddr-prior": lambda domain, queries, k: self._answer(
                self._router, queries, k, self._of_domain(domain)
            ),
        }

    def resume(self, night: str, lived: Mapping[str, Any]) -> bool:
        folder, encoder = self.root / night, self.floor.encoder
        if not folder.is_dir():
            return False
        self._general = PrefixExpert.load(encoder, FIRST, self.root / BOOTSTRAP / FIRST)
        self._asked[BOOTSTRAP] = Questions.load(self.root / BOOTSTRAP / QUESTIONS)
        for name, born in lived["told"]["born"].items():
            own = self.root / born
            self._experts[name] = PrefixExpert.load(encoder, name, own / name)
            self._asked[born] = Questions.load(own / QUESTIONS)
            self._born[name] = born
        self._brought = dict(lived["told"]["brought"])
        rows = load_file(folder / ROWS) if self._experts else {}
        self._router = LearnedRouter({name: rows[name] for name in self._experts})
        for file in self.root.glob(f"*/{VECTORS}"):
            self._vectors |= load_file(file)
        self._index = OwnIndex(self._open(night).library, self._vectors)
        return True

    def close(self) -> None:
        self._leave()
        for expert in self._all():
            expert.detach()
        self._experts.clear()
        self._general = None

    def _begin(self, questions: Questions, live: Live) -> None:
        """The first phase."""
        encoder, library = self.floor.encoder, live.library
        self._general = PrefixExpert.new(encoder, FIRST, self.seed)
        self._rehearse(BOOTSTRAP, questions)
        made = lessons(questions, library)
        numbers = [library.number_of[key] for key in asked_about(questions)]
        texts = [text for number in numbers for text in library.texts(number)]
        teach_general(encoder, self._general, made, texts, minutes=LONG, seed=self.seed)

    def _grow(self, night: Night, questions: Questions, live: Live) -> None:
        """The second phase, with what older nights were asked."""
        assert self._general is not None
        encoder, name = self.floor.encoder, f"ddr{1 + len(self._experts)}"
        newcomer = PrefixExpert.new(encoder, name, self.seed)
        older = [_there(asked, live.library) for asked in self._asked.values()]
        everything = Questions.all_of([questions, *older])
        made = replace(lessons(everything, live.library), candidates=self._candidates(everything))
        _, self._router = teach_beside(
            encoder,
            self._general,
            self._experts,
            self._router,
            newcomer,
            made,
            minutes=LONG,
            seed=self.seed,
        )
        self._experts[name], self._born[name] = newcomer, night.name
        self._brought[name] = sorted({key[1].split("/")[0] for key in asked_about(questions)})
        self._rehearse(night.name, questions)

    def _rehearse(self, night: str, questions: Questions) -> None:
        self._asked[night] = questions.some(REHEARSED, np.random.default_rng(self.seed))

    def _encode(self, library: Library) -> dict[str, Vectors]:
        """Documents that are new, through the general prefix; and the index of all."""
        numbers = {library.text_hash(number): number for number in library.number_of.values()}
        fresh = [digest for digest in numbers if digest not in self._vectors]
        texts = [library.texts(numbers[digest]) for digest in fresh]
        everything = [text for some in texts for text in some]
        made: dict[str, Vectors] = {}
        if everything:
            vectors = self.encode_passages(everything)
            ends = np.cumsum([len(some) for some in texts])[:-1]
            made = dict(zip(fresh, np.split(vectors, ends), strict=True))
        self._vectors |= made
        self._index = OwnIndex(library, self._vectors)
        return made

    def _candidates(self, questions: Questions) -> Vectors:
        """The passages of the documents asked about, as the general prefix sees them."""
        assert self._live is not None
        library = self._live.library
        numbers = [library.number_of[key] for key in asked_about(questions)]
        return np.concatenate([self._vectors[library.text_hash(number)] for number in numbers])

    def encode_passages(self, texts: Sequence[str]) -> Vectors:
        """Passages through the general prefix alone."""
        assert self._general is not None
        with self._general.attached():
            return self.floor.encoder.encode_documents(texts).vectors

    def encode_queries(
        self, queries: Sequence[str], router: LearnedRouter, allowed: Collection[str] | None = None
    ) -> Vectors:
        """Queries through the general prefix and whatever the router adds to it."""
        encoder = self.floor.encoder
        routes = router.route(encoder.encode_queries(queries), allowed)
        says = np.array([[route.get(name, 0.0) for name in self._experts] for route in routes])
        weights = np.hstack([np.ones((len(queries), 1)), says.reshape(len(queries), -1)])
        return unit(encode_blended(encoder, self._all(), queries, weights))

    @property
    def router(self) -> LearnedRouter:
        """As it was learned last."""
        return self._router

    def _answer(
        self,
        router: LearnedRouter,
        queries: Sequence[str],
        k: int,
        allowed: Collection[str] | None = None,
    ) -> list[list[str]]:
        assert self._index is not None
        return self._index.names_found(self.encode_queries(queries, router, allowed), k)

    def _of_domain(self, domain: str) -> list[str]:
        return [name for name, domains in self._brought.items() if domain in domains]

    def _all(self) -> list[PrefixExpert]:
        return [*([self._general] if self._general else []), *self._experts.values()]

    def _keep(self, night: str, folder: Path, fresh: Mapping[str, Vectors]) -> None:
        if fresh:
            save_file(dict(fresh), folder / VECTORS)
        if night == BOOTSTRAP and self._general is not None:
            (folder / FIRST).mkdir()
            self._general.save(folder / FIRST)
            self._keep_asked(night, folder)
        if self._experts:
            save_file(dict(self._router.rows), folder / ROWS)
        for name in (name for name, born in self._born.items() if born == night):
            (folder / name).mkdir()
            self._experts[name].save(folder / name)
            self._keep_asked(night, folder)

    def _keep_asked(self, night: str, folder: Path) -> None:
        (folder / QUESTIONS).mkdir()
        self._asked[night].save(folder / QUESTIONS)


def _there(asked: Questions, library: Library) -> Questions:
    return asked.where(lambda pair: pair.key in library.number_of)
