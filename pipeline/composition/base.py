"""What every way of composing answers: the vector of a query that several experts have a say in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import torch

from pipeline.encoder import Encoder, Vectors
from pipeline.experts.base import Expert
from pipeline.router import FROZEN, Route

Learned = Mapping[str, tuple[list[int], Vectors]]
"""Expert -> rows of the queries that go through it, and their vectors as they come out."""


class Composition(Protocol):
    """Experts are taught in the form in which they will be asked."""

    def taught(self, frozen: torch.Tensor, learned: torch.Tensor) -> torch.Tensor:
        """The unit query vectors that training looks at, from the frozen ones and one expert's."""
        ...

    def learn(
        self,
        encoder: Encoder,
        experts: Mapping[str, Expert],
        queries: Sequence[str],
        routes: Sequence[Route],
    ) -> Learned:
        """The queries as the experts on their routes see them."""
        ...

    def mix(self, frozen: Vectors, routes: Sequence[Route], learned: Learned) -> Vectors:
        """The unit query vectors that the routes ask for.

        What goes to the frozen encoder alone stays as it is, to the last bit.
        """
        ...


def experts_of(route: Route) -> list[str]:
    """The experts on a route.

    >>> experts_of({"frozen": 0.5, "e1": 0.5})
    ['e1']
    """
    return sorted(name for name in route if name != FROZEN)


def unit(vectors: Vectors) -> Vectors:
    """Vectors of length one, in single precision; nothing stays nothing, as with torch's.

    >>> unit(np.array([[3.0, 4.0], [0.0, 0.0]]))
    array([[0.6, 0.8],
           [0. , 0. ]], dtype=float32)
    """
    length = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)
    normal: Vectors = (vectors / length).astype(np.float32)
    return normal
