"""RouterRetriever: experts on the query side, and pilots that say which of them to ask.

For every training query the expert that answers it best (nDCG@10) is known. A pilot is the mean of
the frozen vectors of a night's queries that one expert answers best; a query goes, whole, to the
expert whose pilots it is nearest to on average:

    route(q) = argmax_e  mean_{p in pilots(e)} cos(f(q), p)

H. Lee et al., "RouterRetriever", AAAI 2025 (arXiv 2409.02685). The frozen encoder is among the
experts, as the paper's base model is; an expert speaks alone. Documents never move. A night with
enough pairs is what the paper calls a domain; at most ASKED of its queries make pilots, as long as
their documents are there. Whenever an expert is born, everybody answers the queries of all nights
again, over the index of that night.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from bench.quality.systems.answering import Always, names_found
from bench.quality.systems.base import Search
from bench.quality.systems.nightly_experts import NightlyExperts
from flows.live import Live
from pipeline.composition.methods import COMPOSITIONS
from pipeline.encoder import Vectors
from pipeline.measures import Scores
from pipeline.questions import Questions
from pipeline.retriever import Retriever
from pipeline.router import FROZEN, Route, Router
from pipeline.tried import each_once, hear, quality

NAME = "router-retriever"
ABOUT = {NAME: "RouterRetriever: an expert every night, pilots of the queries each answers best"}
ALONE = COMPOSITIONS["blend"]
ASKED = 200
SCORES, QUESTIONS = "scores.safetensors", "questions"


@dataclass(kw_only=True)
class RouterRetriever(NightlyExperts):
    """What every expert scores on the queries of every night."""

    prefix = "router"
    composition = ALONE
    _asked: dict[str, Questions] = field(default_factory=dict, init=False)
    _scores: dict[tuple[str, str], Scores] = field(default_factory=dict, init=False)
    """By night and expert."""

    def searches(self) -> Mapping[str, Search]:
        return {NAME: self._answer}

    def _make_way(self, night: str, questions: Questions, live: Live) -> None:
        """Everybody's scores on the queries of all nights so far."""
        self._asked[night] = questions.some(ASKED, np.random.default_rng(self.seed))
        for asked, questions in self._asked.items():
            for name in (FROZEN, *self._experts):
                self._scores[asked, name] = self._quality(name, questions, live)

    def _quality(self, name: str, asked: Questions, live: Live) -> Scores:
        """Query by query; not a number where the document has gone."""
        there = asked.where(lambda pair: pair.key in live.library.number_of)
        retriever = self._retriever(Always(expert=name), live)
        heard = hear(retriever, there, live.library)
        gained = {one.query: score for one, score in zip(heard, quality(heard), strict=True)}
        return np.array([gained.get(query, np.nan) for query in each_once(asked)[0]])

    def _answer(self, domain: str, queries: Sequence[str], k: int) -> list[list[str]]:
        assert self._live is not None
        retriever = self._retriever(Pilots(pilots=self._pilots()), self._live)
        return names_found(self._live.library, retriever, queries, k)

    def _retriever(self, router: Router, live: Live) -> Retriever:
        encoder = self.floor.encoder
        return Retriever(encoder, self._experts, router, live.index, composition=ALONE)

    def _pilots(self) -> dict[str, Vectors]:
        """Expert -> its pilots, at most one a night."""
        pilots: dict[str, list[Vectors]] = {}
        for night, asked in self._asked.items():
            # In the order of birth: of those who answer equally well the first has the query.
            names = [FROZEN, *self._experts]
            table = np.stack([self._scores[night, name] for name in names])
            there = ~np.isnan(table[0])
            vectors, best = each_once(asked)[1][there], table[:, there].argmax(axis=0)
            for place, name in enumerate(names):
                if (best == place).any():
                    centre = vectors[best == place].mean(axis=0)
                    pilots.setdefault(name, []).append(centre / np.linalg.norm(centre))
        return {name: np.stack(points) for name, points in pilots.items()}

    def _keep(self, night: str, folder: Path) -> None:
        if night in self._asked:
            (folder / QUESTIONS).mkdir()
            self._asked[night].save(folder / QUESTIONS)
        table: dict[str, npt.NDArray[Any]] = {
            f"{asked}/{name}": scores for (asked, name), scores in self._scores.items()
        }
        save_file(table, folder / SCORES)

    def _read(self, folder: Path) -> None:
        for born in self._born.values():
            self._asked[born] = Questions.load(self.root / born / QUESTIONS)
        for name, scores in load_file(folder / SCORES).items():
            asked, expert = name.split("/")
            self._scores[asked, expert] = scores


@dataclass(frozen=True, kw_only=True)
class Pilots(Router):
    """Each query to the one expert whose pilots are nearest on average.

    >>> pilots = {"e1": np.array([[1.0, 0.0]]), "frozen": np.array([[0.0, 1.0]])}
    >>> Pilots(pilots=pilots).route(np.eye(2))
    [{'e1': 1.0}, {'frozen': 1.0}]
    """

    pilots: Mapping[str, Vectors]

    def route(self, queries: Vectors, among: Collection[str] | None = None) -> list[Route]:
        if not self.pilots:
            return [{FROZEN: 1.0} for _ in queries]
        names = list(self.pilots)
        near = np.stack([(queries @ self.pilots[name].T).mean(axis=1) for name in names], axis=1)
        return [{names[column]: 1.0} for column in near.argmax(axis=1)]
