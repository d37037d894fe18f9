"""DDR's router: how much of each expert is in a query, learned together with the experts.

    b = softmax(W f(q)),        one row of W for each expert

DDR (arXiv 2602.22547), where x_l, the router's input, is here the frozen vector of the query:
padding has no part in it. A row of zeros stands for no expert at all, so that a query may keep to
the general prefix; that row is ours. Three ways to ask it: softly, the `keep` best alone (top-k),
or the experts alone that somebody has allowed (prior).
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from pipeline.encoder import Vectors
from pipeline.router import FROZEN, Route

KEPT = 2
"""Experts that DDR-topk keeps."""


@dataclass(frozen=True)
class LearnedRouter:
    """`rows[expert]` is the expert's row of W.

    >>> router = LearnedRouter({"e1": np.array([9.0, 0.0]), "e2": np.array([0.0, 9.0])})
    >>> [max(route, key=lambda name: route[name]) for route in router.route(np.eye(2))]
    ['e1', 'e2']
    >>> [sorted(route) for route in router.route(np.eye(2), allowed={"e2"})]
    [['e2', 'frozen'], ['e2', 'frozen']]
    >>> router.route(np.eye(2), allowed=())
    [{'frozen': 1.0}, {'frozen': 1.0}]
    """

    rows: Mapping[str, Vectors] = field(default_factory=dict)
    keep: int | None = None

    def top(self, keep: int = KEPT) -> LearnedRouter:
        """The same router, which gives all to the `keep` best."""
        return replace(self, keep=keep)

    @property
    def parameter_count(self) -> int:
        return sum(len(row) for row in self.rows.values())

    def route(self, queries: Vectors, allowed: Collection[str] | None = None) -> list[Route]:
        """Each expert's b for each frozen query vector; of an expert that is left out it is
        nobody's, as in the paper."""
        names = [FROZEN, *self.rows]
        experts = self.weights(queries)[:, 1:]
        if allowed is not None:
            experts *= np.array([name in allowed for name in self.rows])
        if self.keep is not None and self.keep < len(self.rows):
            least = np.sort(experts, axis=1)[:, -self.keep]
            experts = np.where(experts >= least[:, None], experts, 0.0)
        weights = np.hstack([1 - experts.sum(axis=1, keepdims=True), experts])
        return [
            {name: weight for name, weight in zip(names, line, strict=True) if weight > 0}
            for line in weights.tolist()
        ]

    def weights(self, queries: Vectors) -> npt.NDArray[np.float64]:
        """b, (queries, 1 + experts); the first column is no expert at all."""
        logits = np.zeros((len(queries), 1 + len(self.rows)))
        for column, row in enumerate(self.rows.values(), start=1):
            logits[:, column] = queries @ row
        raised = np.exp(logits - logits.max(axis=1, keepdims=True))
        normal: npt.NDArray[np.float64] = raised / raised.sum(axis=1, keepdims=True)
        return normal
