"""From a question to documents: frozen vector, route, experts, composed vector, one search.

    q = normalise( Σ_e w_e v_e ),   v_frozen = f(q),   v_e = normalise( f(q) + e(q) )

The frozen vector keeps half of every expert's say: alone, an expert loses what it was not taught.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.encoder import Encoder, Vectors
from pipeline.experts.base import Expert
from pipeline.index import Found, Index
from pipeline.router import FROZEN, Route, Router


@dataclass(frozen=True)
class Answers:
    """Per query: the route it took and what was found."""

    routes: list[Route]
    found: list[list[Found]]


class Retriever:
    """An encoder, the experts that may attach to it, a router and an index."""

    def __init__(
        self, encoder: Encoder, experts: Mapping[str, Expert], router: Router, index: Index
    ) -> None:
        self.encoder = encoder
        self.experts = experts
        self.router = router
        self.index = index

    def ask(self, queries: Sequence[str], k: int, *, frozen: Vectors | None = None) -> Answers:
        """Route and search; `frozen` are the queries' frozen vectors where they are known."""
        vectors = self.encoder.encode_queries(queries) if frozen is None else frozen
        routes = self.router.route(vectors)
        return Answers(routes, self.index.search(self.compose(queries, vectors, routes), k))

    def ask_frozen(self, queries: Sequence[str], k: int) -> Answers:
        """The same index with the encoder alone."""
        vectors = self.encoder.encode_queries(queries)
        return Answers([{FROZEN: 1.0} for _ in queries], self.index.search(vectors, k))

    def compose(self, queries: Sequence[str], frozen: Vectors, routes: Sequence[Route]) -> Vectors:
        """The query vectors that the routes ask for; each expert runs once, on its own queries.

        What goes to the frozen encoder alone stays as it is, to the last bit.
        """
        composed = frozen.copy()
        mixed = [row for row, route in enumerate(routes) if set(route) != {FROZEN}]
        for row in mixed:
            composed[row] *= routes[row].get(FROZEN, 0.0)
        for name in sorted({name for route in routes for name in route} - {FROZEN}):
            rows = [row for row in mixed if name in routes[row]]
            with self.experts[name].attached():
                learned = self.encoder.encode_queries([queries[row] for row in rows])
            weights = np.array([[routes[row][name]] for row in rows], np.float32)
            composed[rows] += weights * _unit(frozen[rows] + learned)
        composed[mixed] = _unit(composed[mixed])
        return composed


def _unit(vectors: Vectors) -> Vectors:
    unit: Vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    return unit
