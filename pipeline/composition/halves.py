"""Ours: every expert's vector keeps the frozen one as its half, and the route averages vectors.

    q = normalise( Σ_e w_e v_e ),   v_frozen = f(q),   v_e = normalise( f(q) + e(q) )

Alone, an expert loses what it was not taught (docs/decisions.md).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from pipeline.composition.base import Learned, experts_of, unit
from pipeline.encoder import Encoder, Vectors
from pipeline.experts.base import Expert
from pipeline.router import FROZEN, Route


class Halves:
    """Each expert runs once, on the queries that it has a say in.

    >>> import numpy as np
    >>> east, north = np.array([[1.0, 0.0]], np.float32), np.array([[0.0, 1.0]], np.float32)
    >>> Halves().mix(east, [{"e1": 1.0}], {"e1": ([0], north)}).round(2).tolist()
    [[0.7099999785423279, 0.7099999785423279]]
    """

    def taught(self, frozen: torch.Tensor, learned: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(frozen + learned, dim=1)

    def learn(
        self,
        encoder: Encoder,
        experts: Mapping[str, Expert],
        queries: Sequence[str],
        routes: Sequence[Route],
    ) -> Learned:
        learned = {}
        for name in sorted({name for route in routes for name in experts_of(route)}):
            rows = [row for row, route in enumerate(routes) if name in route]
            with experts[name].attached():
                learned[name] = rows, encoder.encode_queries([queries[row] for row in rows])
        return learned

    def mix(self, frozen: Vectors, routes: Sequence[Route], learned: Learned) -> Vectors:
        composed = frozen.copy()
        mixed = [row for row, route in enumerate(routes) if set(route) != {FROZEN}]
        for row in mixed:
            composed[row] *= routes[row].get(FROZEN, 0.0)
        for name, (rows, vectors) in learned.items():
            weights = np.array([[routes[row][name]] for row in rows], np.float32)
            composed[rows] += weights * unit(frozen[rows] + vectors)
        composed[mixed] = unit(composed[mixed])
        return composed
