"""One pass through a weighted sum of experts: what the published systems do.

    q = normalise( encoder_{Σ_e w_e θ_e}(q) ),   θ_frozen = 0 for LoRA

For LoRA, θ_e are updates B_e A_e: the merge of the experts nearest to a query in DAR
(arXiv 2605.31229), which core space computes too, without loss. For prefixes they are keys and
values: DDR (arXiv 2602.22547), P = Σ_e b_e P_e, where a prefix of zeros is attended to and is not
the frozen encoder: small weights move a query as large ones do, unless the encoder has a general
prefix. Nothing of the frozen vector is kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch

from pipeline.composition.base import Learned, experts_of, unit
from pipeline.encoder import Encoder, Vectors, batches
from pipeline.experts.base import Expert
from pipeline.router import Route


class Blend:
    """Every query runs once, through its own sum.

    >>> import numpy as np
    >>> east, north = np.array([[1.0, 0.0]], np.float32), np.array([[0.0, 1.0]], np.float32)
    >>> Blend().mix(east, [{"e1": 1.0}], {"e1": ([0], north)}).tolist()
    [[0.0, 1.0]]
    """

    def taught(self, frozen: torch.Tensor, learned: torch.Tensor) -> torch.Tensor:
        return torch.nn.functional.normalize(learned, dim=1)

    def learn(
        self,
        encoder: Encoder,
        experts: Mapping[str, Expert],
        queries: Sequence[str],
        routes: Sequence[Route],
    ) -> Learned:
        """The vectors lie with the expert that has most of the say."""
        learned: dict[str, tuple[list[int], Vectors]] = {}
        for named in sorted({tuple(experts_of(route)) for route in routes} - {()}):
            rows = [row for row, route in enumerate(routes) if tuple(experts_of(route)) == named]
            weights = np.array([[routes[row][name] for name in named] for row in rows])
            asked = [queries[row] for row in rows]
            vectors = encode_blended(encoder, [experts[name] for name in named], asked, weights)
            for place, name in enumerate(named):
                own = np.flatnonzero(weights.argmax(axis=1) == place)
                if len(own):
                    before, some = learned.get(name, ([], vectors[:0]))
                    rows_of = before + [rows[one] for one in own]
                    learned[name] = rows_of, np.concatenate([some, vectors[own]])
        return learned

    def mix(self, frozen: Vectors, routes: Sequence[Route], learned: Learned) -> Vectors:
        composed = frozen.copy()
        for rows, vectors in learned.values():
            composed[rows] = unit(vectors)
        return composed


def encode_blended(
    encoder: Encoder, experts: Sequence[Expert], queries: Sequence[str], weights: Vectors
) -> Vectors:
    """Query i through Σ_e weights[i, e] · expert e. Experts of one method are summed as weights;
    where methods differ, each method's sum makes a vector and those are added up.
    """
    total = np.zeros((len(queries), encoder.dimension), np.float32)
    for method in dict.fromkeys(type(expert) for expert in experts):
        places = [place for place, one in enumerate(experts) if type(one) is method]
        some, own = [experts[place] for place in places], weights[:, places]
        vectors = _encode(encoder, some, queries, own)
        total += vectors * own.sum(axis=1, keepdims=True).astype(np.float32)
    return total


def _encode(
    encoder: Encoder, experts: Sequence[Expert], queries: Sequence[str], weights: Vectors
) -> Vectors:
    tokens = encoder.tokenise(queries, "query")
    vectors = np.empty((len(queries), encoder.dimension), np.float32)
    for rows in batches([len(ids) for ids in tokens]):
        says = torch.from_numpy(weights[rows]).float()
        with torch.inference_mode(), experts[0].blended(experts, says):
            vectors[rows] = encoder.embed([tokens[row] for row in rows]).numpy()
    return vectors
