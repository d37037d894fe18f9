"""From a question to documents: frozen vector, route, experts, composed vector, one search.

    q = normalise( Σ_e w_e v_e ),   v_frozen = f(q),   v_e = normalise( f(q) + e(q) )

The frozen vector keeps half of every expert's say: alone, an expert loses what it was not taught.
Queries that their route gives to an expert with an overlay see its documents through it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.encoder import Encoder, Vectors
from pipeline.experts.base import Expert
from pipeline.index import Found, Index
from pipeline.overlay import Overlaid
from pipeline.router import FROZEN, Route, Router


@dataclass(frozen=True)
class Answers:
    """Per query: the route it took and what was found."""

    routes: list[Route]
    found: list[list[Found]]


Learned = Mapping[str, tuple[list[int], Vectors]]
"""Expert -> rows of the queries that go through it, and their vectors as it makes them."""
HOME = 0.5
"""A query sees an expert's overlay if its route gives that expert at least so much."""


class Retriever:
    """An encoder, the experts that may attach to it, a router, an index and its overlays."""

    def __init__(
        self,
        encoder: Encoder,
        experts: Mapping[str, Expert],
        router: Router,
        index: Index,
        overlaid: Mapping[str, Overlaid] | None = None,
    ) -> None:
        self.encoder = encoder
        self.experts = experts
        self.router = router
        self.index = index
        self.overlaid = dict(overlaid or {})

    def ask(self, queries: Sequence[str], k: int, *, frozen: Vectors | None = None) -> Answers:
        """Route and search; `frozen` are the queries' frozen vectors where they are known."""
        vectors = self.encoder.encode_queries(queries) if frozen is None else frozen
        routes = self.router.route(vectors)
        learned = self.learn(queries, routes)
        composed = mix(vectors, routes, learned)
        return Answers(routes, self._search(vectors, composed, routes, learned, k))

    def ask_frozen(self, queries: Sequence[str], k: int) -> Answers:
        """The same index with the encoder alone."""
        vectors = self.encoder.encode_queries(queries)
        return Answers([{FROZEN: 1.0} for _ in queries], self.index.search(vectors, k))

    def learn(self, queries: Sequence[str], routes: Sequence[Route]) -> Learned:
        """The queries as the experts see them; each expert runs once, on its own queries."""
        learned = {}
        for name in sorted({name for route in routes for name in route} - {FROZEN}):
            rows = [row for row, route in enumerate(routes) if name in route]
            with self.experts[name].attached():
                learned[name] = rows, self.encoder.encode_queries([queries[row] for row in rows])
        return learned

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


def mix(frozen: Vectors, routes: Sequence[Route], learned: Learned) -> Vectors:
    """The query vectors that the routes ask for.

    What goes to the frozen encoder alone stays as it is, to the last bit.
    """
    composed = frozen.copy()
    mixed = [row for row, route in enumerate(routes) if set(route) != {FROZEN}]
    for row in mixed:
        composed[row] *= routes[row].get(FROZEN, 0.0)
    for name, (rows, vectors) in learned.items():
        weights = np.array([[routes[row][name]] for row in rows], np.float32)
        composed[rows] += weights * _unit(frozen[rows] + vectors)
    composed[mixed] = _unit(composed[mixed])
    return composed


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit
