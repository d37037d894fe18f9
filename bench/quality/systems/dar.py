"""DAR as settings of the product, without its gate, and two other ways of asking the same experts.

What is theirs is how experts are made, composed and asked for. When one is grown is decided by our
detector: they do not say how they would know. Keyword search is left out, experts are on the query
side, and documents never move. With the answer in sight, a query is routed by the mean of its
vector and its answer's, which nobody who searches could do. The published figures see the answer
too, by prototypes of its own; here both meet the prototypes of queries.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from bench.quality.stream import Night
from bench.quality.systems.answering import asking, names_found
from bench.quality.systems.base import Lived, Search
from bench.quality.systems.ours import Ours
from flows.settings import QUERY
from pipeline.composition.base import unit
from pipeline.encoder import Vectors
from pipeline.library import Library
from pipeline.retriever import Retriever
from pipeline.router import Route, Router

SETTINGS: Mapping[str, Any] = {"router": "margin", "compose": "blend", "side": QUERY}
ABOUT = {
    "dar": "DAR (arXiv 2605.31229): the nearest prototype's LoRA, or the two nearest merged",
    "dar-hard": "the same experts, always the nearest prototype's alone",
    "dar-sighted": "DAR with the answer in sight: query and answer meet the prototypes together",
}


@dataclass
class Dar(Ours):
    """The same nights for all its rows."""

    rows: Sequence[str] = tuple(ABOUT)

    @property
    def _sheet(self) -> Path:
        """The answers of what may be asked after the last night that was lived through."""
        return self.root.with_name("answers.json")

    def live_through(self, night: Night, batch: Path) -> Lived:
        lived = super().live_through(night, batch)
        sheet: dict[str, dict[str, list[str]]] = {}
        for asked in night.asked:
            of_domain = sheet.setdefault(asked.domain, {})
            of_domain |= zip(asked.texts, map(list, asked.grades), strict=True)
        self._sheet.write_text(json.dumps(sheet), "utf-8")
        return lived

    def searches(self) -> Mapping[str, Search]:
        live, router = self.live, self.live.retriever.router
        hard = routed(live.retriever, replace(router, rule="nearest"))
        return {
            "dar": asking(live.library, live.retriever),
            "dar-hard": asking(live.library, hard),
            "dar-sighted": partial(self._sighted, router),
        }

    def _sighted(
        self, router: Router, domain: str, queries: Sequence[str], k: int
    ) -> list[list[str]]:
        live = self.live
        number_of = {name: number for (_, name), number in live.library.number_of.items()}
        sheet = json.loads(self._sheet.read_text("utf-8"))[domain]
        answers = [[number_of[name] for name in sheet[query]] for query in queries]
        peeking = Peeking(router=router, answers=_answer_vectors(live.library, answers))
        return names_found(live.library, routed(live.retriever, peeking), queries, k)


@dataclass(frozen=True, kw_only=True)
class Peeking(Router):
    """A router that sees what the queries of one call are after."""

    router: Router
    answers: Vectors

    def route(self, queries: Vectors, among: Collection[str] | None = None) -> list[Route]:
        return self.router.route(unit(queries + self.answers), among)


def routed(retriever: Retriever, router: Router) -> Retriever:
    """The same experts over the same documents, by another router."""
    return Retriever(
        retriever.encoder,
        retriever.experts,
        router,
        retriever.index,
        retriever.overlaid,
        composition=retriever.composition,
    )


def _answer_vectors(library: Library, answers: Sequence[Sequence[int]]) -> Vectors:
    means = [
        np.concatenate([library.vectors(number) for number in some]).mean(axis=0)
        for some in answers
    ]
    return unit(np.stack(means))
