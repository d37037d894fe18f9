"""From a question to documents: frozen vector, route, experts, composed vector, one search; and
what the words find, fused with it.

How a route and its experts become one vector is the composition's (pipeline/composition/). Queries
that their route gives to an expert with an overlay see its documents through it. How much the words
of a query count is what they count for its kinds, weighted as its route weighs them.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from nightshift.errors import UsageError
from pipeline.composition.base import Composition, Learned
from pipeline.composition.methods import HALVES
from pipeline.encoder import Encoder, Vectors
from pipeline.experts.base import Expert
from pipeline.fusion import DEFAULT_SHARE, DEPTH, fuse
from pipeline.index import Found, Index, Mask
from pipeline.lexical import Lexical
from pipeline.overlay import Overlaid
from pipeline.router import FROZEN, Route, Router

Leg = Literal["dense", "lexical", "both"]
"""What may find a document: the vectors, the words, or the fusion of the two."""


@dataclass(frozen=True)
class Answers:
    """Per query: the route it took and what was found.

    Where both legs were fused, also what each of them found, and the share of the lexical one.
    """

    routes: list[Route]
    found: list[list[Found]]
    shares: list[float] = field(default_factory=list)
    dense: list[list[Found]] = field(default_factory=list)
    lexical: list[list[Found]] = field(default_factory=list)


HOME = 0.5
"""A query sees an expert's overlay if its route gives that expert at least so much."""


class Retriever:
    """An encoder, the experts that may attach to it, a router, an index and its overlays; and the
    lexical leg, with `shares` by kind, if there is one.
    """

    def __init__(
        self,
        encoder: Encoder,
        experts: Mapping[str, Expert],
        router: Router,
        index: Index,
        overlaid: Mapping[str, Overlaid] | None = None,
        lexical: Lexical | None = None,
        shares: Mapping[str, float] | None = None,
        composition: Composition = HALVES,
    ) -> None:
        self.encoder = encoder
        self.experts = experts
        self.router = router
        self.index = index
        self.overlaid = dict(overlaid or {})
        self.lexical = lexical
        self.shares = dict(shares or {})
        self.composition = composition

    def only(self, kept: Mask) -> Retriever:
        """The same retriever over these documents alone, by number: the best k are the best of
        them. Words keep the weight that they have in the whole index.
        """
        return Retriever(
            self.encoder,
            self.experts,
            self.router,
            self.index.only(kept),
            {name: overlaid.only(kept) for name, overlaid in self.overlaid.items()},
            self.lexical.only(kept) if self.lexical else None,
            self.shares,
            self.composition,
        )

    def ask(
        self,
        queries: Sequence[str],
        k: int,
        *,
        frozen: Vectors | None = None,
        leg: Leg = "both",
        among: Collection[str] | None = None,
    ) -> Answers:
        """Route and search; `frozen` are the queries' frozen vectors where they are known, and
        `among` the kinds that they are known to be of.
        """
        vectors = self.encoder.encode_queries(queries) if frozen is None else frozen
        routes = self.router.route(vectors, among)
        if leg == "lexical":
            return Answers(routes, self._named(queries, k))
        learned = self.composition.learn(self.encoder, self.experts, queries, routes)
        composed = self.composition.mix(vectors, routes, learned)
        dense = self._search(vectors, composed, routes, learned, self._depth(k, leg))
        return self._answers(queries, vectors, routes, dense, k, leg, among)

    def ask_frozen(self, queries: Sequence[str], k: int, *, leg: Leg = "dense") -> Answers:
        """The same index with the encoder alone: the floor that experts are measured against."""
        routes: list[Route] = [{FROZEN: 1.0} for _ in queries]
        if leg == "lexical":
            return Answers(routes, self._named(queries, k))
        vectors = self.encoder.encode_queries(queries)
        dense = self.index.search(vectors, self._depth(k, leg))
        return self._answers(queries, vectors, routes, dense, k, leg)

    def _depth(self, k: int, leg: Leg) -> int:
        return max(k, DEPTH) if leg == "both" and self.lexical else k

    def _named(self, queries: Sequence[str], k: int) -> list[list[Found]]:
        if self.lexical is None:
            raise UsageError(
                "keyword search is off in this version", hint="nightshift update --lexical BATCH"
            )
        return self.lexical.search(queries, k)

    def _answers(
        self,
        queries: Sequence[str],
        vectors: Vectors,
        routes: list[Route],
        dense: list[list[Found]],
        k: int,
        leg: Leg,
        among: Collection[str] | None = None,
    ) -> Answers:
        if leg == "dense" or self.lexical is None:
            return Answers(routes, dense)
        lexical = self.lexical.search(queries, max(k, DEPTH))
        shares = self.router.weigh(vectors, self.shares, DEFAULT_SHARE, among)
        found = [
            fuse(near, named, share, k)
            for near, named, share in zip(dense, lexical, shares, strict=True)
        ]
        return Answers(routes, found, shares, dense, lexical)

    def _search(
        self,
        frozen: Vectors,
        composed: Vectors,
        routes: Sequence[Route],
        learned: Learned,
        k: int,
    ) -> list[list[Found]]:
        """Each query in the one index, or with the overlay of the expert it goes to."""
        found: dict[int, list[Found]] = {}
        for name in self.overlaid.keys() & learned.keys():
            rows, vectors = learned[name]
            places = [p for p, row in enumerate(rows) if _home(routes[row]) == name]
            own = [rows[place] for place in places]
            hits = self.overlaid[name].search(composed[own], frozen[own], vectors[places], k)
            found.update(zip(own, hits, strict=True))
        rest = [row for row in range(len(routes)) if row not in found]
        found.update(zip(rest, self.index.search(composed[rest], k), strict=True))
        return [found[row] for row in range(len(routes))]


def _home(route: Route) -> str | None:
    """The expert whose overlay a query sees, if it has one."""
    name = max(route, key=lambda name: route[name])
    return name if route[name] >= HOME else None
