"""MixLoRA-DSI's test of a layer: is what comes in like anything that its experts are used to?

    E(h) = -T log Σ_i exp(cos(R_i, h) / T)
    a token is out at a layer      E(h) > μ_e + σ sd_e     for every expert e
    a question is out              if any of its tokens is

μ and sd run along while a layer learns, .9 kept and .1 taken from each batch, over the tokens that
have the expert among their best. T. Huynh et al. (EMNLP 2025, arXiv 2507.09924); T = 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import torch

from pipeline.encoder import batches

if TYPE_CHECKING:
    from pipeline.experts.mixlora import MixLora

KEPT = 0.9
BEST = 2
"""Experts of a layer that count for a token."""
ASKED = 200
"""Questions that decide where a mixture grows."""
Row = npt.NDArray[np.float64]


@dataclass
class Energies:
    """`mean[l][e]` and `variance[l][e]`: what each layer's experts are used to."""

    mean: list[Row]
    variance: list[Row]

    @classmethod
    def none(cls) -> Energies:
        return cls([], [])

    @classmethod
    def from_json(cls, page: dict[str, list[list[float]]]) -> Energies:
        return cls(*([np.array(row) for row in page[name]] for name in ("mean", "variance")))

    def as_json(self) -> dict[str, list[list[float]]]:
        return {name: [row.tolist() for row in rows] for name, rows in vars(self).items()}

    def copy(self) -> Energies:
        return Energies.from_json(self.as_json())

    def met(self, layer: int, cosines: torch.Tensor, kept: float = KEPT) -> None:
        """Take in a batch of tokens (tokens, experts) of a layer that learns."""
        energy = energy_of(cosines).numpy()
        chosen = cosines.argsort(dim=1, descending=True)[:, :BEST].numpy()
        for expert in range(cosines.shape[1]):
            own = energy[(chosen == expert).any(axis=1)]
            if not len(own):
                continue
            here = float(own.sum() / (len(own) + 1))
            off = float(((own - own.mean()) ** 2).sum() / (len(own) + 1))
            self.mean[layer][expert] = kept * self.mean[layer][expert] + (1 - kept) * here
            self.variance[layer][expert] = kept * self.variance[layer][expert] + (1 - kept) * off

    def begin(self, first: Sequence[torch.Tensor]) -> None:
        """Statistics of the first experts, from some tokens (tokens, experts) of each layer."""
        for cosines in first:
            energy = energy_of(cosines).numpy()
            self.mean.append(np.full(cosines.shape[1], energy.mean()))
            self.variance.append(np.full(cosines.shape[1], energy.var()))

    def grow(self, layer: int) -> None:
        """One expert more lowers all energies by about the log of the ratio; it starts like the
        first."""
        old = len(self.mean[layer])
        mean = self.mean[layer] + np.log(old) - np.log(old + 1)
        self.mean[layer] = np.append(mean, mean[0])
        self.variance[layer] = np.append(self.variance[layer], self.variance[layer][0])

    def out(self, layer: int, cosines: torch.Tensor, sigma: float) -> bool:
        """Whether a question with these tokens is out at a layer."""
        limit = self.mean[layer] + sigma * np.sqrt(self.variance[layer])
        return bool((energy_of(cosines).numpy()[:, None] > limit).all(axis=1).any())


def energy_of(cosines: torch.Tensor) -> torch.Tensor:
    """E of each token, T = 1.

    >>> energy_of(torch.zeros(1, 2))
    tensor([-0.6931])
    """
    return -torch.logsumexp(cosines, dim=1)


def shares_out(model: MixLora, queries: Sequence[str], sigma: float) -> list[float]:
    """The share of questions that are out, layer by layer."""
    out = [
        [model.energies.out(layer, cosines, sigma) for layer, cosines in enumerate(tokens)]
        for tokens in cosines_of(model, queries)
    ]
    return [float(share) for share in np.mean(out, axis=0)]


def cosines_of(model: MixLora, queries: Sequence[str]) -> list[list[torch.Tensor]]:
    """For each question and layer the cosines (tokens, experts)."""
    encoder = model.encoder
    tokens = encoder.tokenise(queries, "query")
    found: list[list[torch.Tensor]] = [[] for _ in queries]
    with model.attached():
        for rows in batches([len(ids) for ids in tokens]):
            with torch.no_grad():
                encoder.embed([tokens[row] for row in rows])
            for place, row in enumerate(rows):
                found[row] = [
                    states[place, : len(tokens[row])] @ model.rows(layer).T
                    for layer, states in enumerate(model.seen)
                ]
    return found


def some_of(queries: Sequence[str], seed: int) -> list[str]:
    """ASKED of the queries, or all of them."""
    drawn = np.random.default_rng(seed).permutation(len(queries))[:ASKED]
    return [queries[row] for row in sorted(drawn.tolist())]
