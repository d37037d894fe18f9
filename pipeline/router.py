"""Which expert should rewrite a query: the kind whose earlier queries it resembles.

Every kind keeps a few centroids of its training queries, as the frozen encoder sees them; kinds
without an expert have them too and lead to the frozen encoder. With s_k the cosine to the nearest
centroid of kind k, the weights are those of a rule (pipeline/routing/), by default

    w_k = softmax_k(s_k / sharpness),

small weights are dropped, and a query that is near nothing (max s_k below a floor) goes to the
frozen encoder alone. Sharpness and floor are read off held-out queries: in the spaces of some
encoders all cosines lie close together, so the softmax is scaled by how far they spread. Nothing
is trained: learned gates lost to centroids in H. Lee et al., "RouterRetriever", AAAI 2025.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from pipeline.encoder import Vectors
from pipeline.routing.methods import RULES, SOFTMAX

FROZEN = "frozen"
SHARPNESS = 0.1
LEAST_WEIGHT = 0.1
PROTOTYPES = 8
QUERIES_PER_PROTOTYPE = 20
FLOOR_QUANTILE = 0.01
DIGITS = 9
"""Of a weighted share."""

Route = dict[str, float]
"""Expert name (or FROZEN) -> weight; the weights sum to one."""


@dataclass(frozen=True)
class Router:
    """`prototypes[kind]` (n, dimension), `experts[kind]` the expert that serves it, if any.

    >>> east, north = np.array([[1.0, 0.0]]), np.array([[0.0, 1.0]])
    >>> router = Router({"k1": east, "k2": north}, {"k2": "e1"}, floor=0.5)
    >>> router.route(np.array([[1.0, 0.1], [0.1, 1.0], [-1.0, -1.0]]))
    [{'frozen': 1.0}, {'e1': 1.0}, {'frozen': 1.0}]
    """

    prototypes: Mapping[str, Vectors] = field(default_factory=dict)
    experts: Mapping[str, str] = field(default_factory=dict)
    floor: float = -1.0
    sharpness: float = SHARPNESS
    rule: str = SOFTMAX

    def similarity(self, queries: Vectors) -> npt.NDArray[np.float64]:
        """Cosine of each query to the nearest prototype of each kind: (queries, kinds)."""
        nearest = np.empty((len(queries), len(self.prototypes)))
        for column, points in enumerate(self.prototypes.values()):
            nearest[:, column] = (queries @ points.T).max(axis=1)
        return nearest

    def route(self, queries: Vectors, among: Collection[str] | None = None) -> list[Route]:
        """Weights for each query vector of the frozen encoder; `among` these kinds alone, where
        somebody knows that the queries are theirs: the frozen encoder's, if none has prototypes.
        """
        if not self.experts or not self.prototypes or not len(queries):
            return [{FROZEN: 1.0} for _ in queries]
        weights, near = self._weighed(queries, among)
        return [
            self._merge(line) if known else {FROZEN: 1.0}
            for line, known in zip(weights, near, strict=True)
        ]

    def weigh(
        self,
        queries: Vectors,
        of_kind: Mapping[str, float],
        other: float,
        among: Collection[str] | None = None,
    ) -> list[float]:
        """A share that each kind has, for each query: weighted as its route weighs the kinds, and
        `other` for kinds that have none and for queries near to no kind.
        """
        if not self.prototypes or not len(queries):
            return [other] * len(queries)
        values = np.array([of_kind.get(kind, other) for kind in self.prototypes])
        weights, near = self._weighed(queries, among)
        # Weights sum to one but for the last bit, and a share of all is another thing than nearly.
        shares = np.clip(np.round(weights @ values, DIGITS), 0, 1)
        return [float(share) for share in np.where(near, shares, other)]

    def with_kind(self, kind: str, prototypes: Vectors, expert: str | None) -> Router:
        """The router with a kind added or replaced, served by `expert` or by the frozen encoder."""
        experts = {name: served for name, served in self.experts.items() if name != kind}
        if expert is not None:
            experts[kind] = expert
        return replace(self, prototypes={**self.prototypes, kind: prototypes}, experts=experts)

    def calibrated(self, held_out: Vectors) -> Router:
        """The router whose floor and sharpness fit these queries of its kinds."""
        if not len(held_out) or not self.prototypes:
            return self
        nearest = self.similarity(held_out).max(axis=1)
        everywhere = held_out @ np.concatenate(list(self.prototypes.values())).T
        return replace(
            self,
            floor=float(np.quantile(nearest, FLOOR_QUANTILE)),
            sharpness=SHARPNESS * max(1e-3, 1 - float(everywhere.mean())),
        )

    def save(self, folder: Path) -> None:
        save_file(dict(self.prototypes), folder / "prototypes.safetensors")
        page = {
            "kinds": list(self.prototypes),
            "experts": dict(self.experts),
            "floor": self.floor,
            "sharpness": self.sharpness,
            "rule": self.rule,
        }
        (folder / "router.json").write_text(json.dumps(page, sort_keys=True, indent=2))

    @classmethod
    def load(cls, folder: Path) -> Router:
        page = json.loads((folder / "router.json").read_text())
        points = load_file(folder / "prototypes.safetensors")
        prototypes = {kind: points[kind] for kind in page["kinds"]}
        # A router from before there were rules has the one that there was.
        rule = page.get("rule", SOFTMAX)
        return cls(prototypes, page["experts"], page["floor"], page["sharpness"], rule)

    def _weighed(
        self, queries: Vectors, among: Collection[str] | None
    ) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """Each query's weights of all kinds, and whether it is near to any."""
        similarity = self.similarity(queries)
        if among is None:
            weights = RULES[self.rule](similarity, self.sharpness)
            return weights, similarity.max(axis=1) >= self.floor
        weights = np.zeros_like(similarity)
        known = [kind in among for kind in self.prototypes]
        if any(known):
            weights[:, known] = RULES[self.rule](similarity[:, known], self.sharpness)
        return weights, np.full(len(queries), any(known))

    def _merge(self, weights: npt.NDArray[np.float64]) -> Route:
        total: Route = {}
        for kind, weight in zip(self.prototypes, weights.tolist(), strict=True):
            target = self.experts.get(kind, FROZEN)
            total[target] = total.get(target, 0.0) + weight
        # Among many kinds even the best weight may be a small one.
        least = min(LEAST_WEIGHT, max(total.values()))
        kept = {name: weight for name, weight in total.items() if weight >= least}
        whole = sum(kept.values())
        return {name: weight / whole for name, weight in sorted(kept.items())}


def prototypes_of(queries: Vectors, seed: int) -> Vectors:
    """Up to PROTOTYPES unit centroids of query vectors."""
    from sklearn.cluster import KMeans  # a second, which no search should wait for

    different = len(np.unique(queries, axis=0))
    count = max(1, min(PROTOTYPES, len(queries) // QUERIES_PER_PROTOTYPE, different))
    centres = KMeans(count, n_init=3, random_state=seed).fit(queries).cluster_centers_
    unit: Vectors = (centres / np.linalg.norm(centres, axis=1, keepdims=True)).astype(np.float32)
    return unit
