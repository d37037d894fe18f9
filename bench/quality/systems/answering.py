"""What systems answer with: documents by name, and a router that has nothing to decide."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from bench.quality.systems.base import Search
from pipeline.encoder import Vectors
from pipeline.library import Library
from pipeline.retriever import Leg, Retriever
from pipeline.router import Route, Router


@dataclass(frozen=True, kw_only=True)
class Always(Router):
    """A router that was told where everything goes.

    >>> import numpy as np
    >>> Always(expert="e1").route(np.zeros((2, 3)))
    [{'e1': 1.0}, {'e1': 1.0}]
    """

    expert: str

    def route(self, queries: Vectors, among: Collection[str] | None = None) -> list[Route]:
        return [{self.expert: 1.0} for _ in queries]


def asking(library: Library, retriever: Retriever, leg: Leg = "dense") -> Search:
    """The search of one leg, or of both, which looks at no domain."""
    return lambda domain, queries, k: names_found(library, retriever, queries, k, leg)


def names_found(
    library: Library, retriever: Retriever, queries: Sequence[str], k: int, leg: Leg = "dense"
) -> list[list[str]]:
    """The names of the documents found for each query."""
    name_of = {number: key[1] for key, number in library.number_of.items()}
    found = retriever.ask(queries, k, leg=leg).found
    return [[name_of[hit.number] for hit in hits] for hits in found]
