"""An index of vectors that a system has made itself of the documents on the floor."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from pipeline.encoder import Vectors
from pipeline.index import Index, Shelf
from pipeline.library import Library


class OwnIndex:
    """The live documents of a library, by vectors that lie under the hash of each text."""

    def __init__(self, library: Library, vectors: Mapping[str, Vectors]) -> None:
        key_of = {number: key for key, number in library.number_of.items()}
        numbers = sorted(key_of)
        parts = [vectors[library.text_hash(number)] for number in numbers]
        first = np.cumsum([0, *(len(part) for part in parts)])
        live = np.ones(len(numbers), bool)
        self.names = [key_of[number][1] for number in numbers]
        self.index = Index([Shelf("own", np.concatenate(parts), first, live)])

    def names_found(self, queries: Vectors, k: int) -> list[list[str]]:
        """The names of the documents found for each query vector."""
        return [[self.names[hit.number] for hit in hits] for hits in self.index.search(queries, k)]
