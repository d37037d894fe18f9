"""SB-MoE: one mixture of experts after pooling, which queries and documents both pass through.

    expert_i(x) = W2_i relu(W1_i x)                      h -> h/2 -> h, no biases
    gate(x)     = C3 relu(C1 x)                          a row of C3 for each expert
    p           = softmax(gate(x) + ε softplus(N x)),    ε ~ N(0, 1) in training alone
    block(x)    = normalise( x + Σ_i p_i normalise(expert_i(x)) )

Of p the largest counts alone (top-1, in training always), the k largest, or all. E. Sokli et al.,
"SB-MoE" (arXiv 2510.15683), where the encoder learns along; here it stays frozen, so that vectors
which are there can pass a new block by a few matrix products, and nothing is encoded again. Their
loss, in-batch cross-entropy over dot products, and their optimiser: AdamW, 1e-4, batches of 64.

Four things differ from the published code. Of the epochs the one is kept that does best on a
twentieth held out, and the noise's matrix learns too: both are meant there, and neither happens.
Experts are normalised one by one: there their sum is, and with it the only share of a top-1 sum
cancels, so that no gradient ever reaches the gate. And what comes out has length one, as all
vectors here: losses and search are by cosine.

A block grows by an expert, a row of C3 and a row of N; all older weights stay closed.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import cross_entropy, normalize, relu, softplus

from pipeline.encoder import Vectors
from pipeline.experts.weights import Weights

FIRST = 6
"""Experts of a first block: the paper's default."""
TEMPERATURE = 0.05
"""The paper's for one of its encoders, Contriever; 1 for others."""
LEARNING_RATE = 1e-4
BATCH = 64
EPOCHS = 20
HELD_OUT = 0.05
AT_ONCE = 16_384
FILE = "mixture.safetensors"
GROWING = ("w1", "w2", "c3", "noise")
"""Tensors with an expert along their first axis; c1 belongs to all."""


@dataclass(frozen=True)
class Mixture:
    """`w1` (n, h/2, h), `w2` (n, h, h/2), `c1` (h/2, h), `c3` (n, h/2), `noise` (n, h)."""

    weights: Weights
    keep: int | None = 1
    """Experts that count for each vector; None: all."""

    @classmethod
    def new(cls, dimension: int, seed: int, experts: int = FIRST) -> Self:
        """A fresh block.

        >>> block = Mixture.new(4, seed=0)
        >>> block.rewrite(np.eye(4, dtype=np.float32)).shape, block.experts
        ((4, 4), 6)
        """
        generator = torch.Generator().manual_seed(seed)
        c1 = _drawn(generator, (dimension // 2, dimension), dimension)
        return cls({"c1": c1, **_fresh(generator, dimension, experts)})

    @property
    def experts(self) -> int:
        return len(self.weights["c3"])

    @property
    def parameter_count(self) -> int:
        return sum(weight.numel() for weight in self.weights.values())

    def grown(self, seed: int) -> Mixture:
        """The block with one expert more, untaught."""
        generator = torch.Generator().manual_seed(seed)
        more = _fresh(generator, self.weights["w2"].shape[1], 1)
        joined = {name: torch.cat([self.weights[name], more[name]]) for name in GROWING}
        return Mixture({**self.weights, **joined}, self.keep)

    def asking(self, keep: int | None) -> Mixture:
        """The same block, of which other experts count."""
        return Mixture(self.weights, keep)

    def rewrite(self, vectors: Vectors) -> Vectors:
        """Vectors of queries or documents as they come out of the block."""
        rewritten = np.empty_like(vectors)
        for start in range(0, len(vectors), AT_ONCE):
            with torch.inference_mode():
                part = torch.tensor(vectors[start : start + AT_ONCE])
                says = torch.softmax(self.gate(part), dim=1)
                rewritten[start : start + AT_ONCE] = self.through(part, says).numpy()
        return rewritten

    def gate(self, vectors: torch.Tensor) -> torch.Tensor:
        return relu(vectors @ self.weights["c1"].T) @ self.weights["c3"].T

    def through(self, vectors: torch.Tensor, says: torch.Tensor) -> torch.Tensor:
        """The block's answer, where the experts have these says."""
        if self.keep is not None and self.keep < self.experts:
            least = says.topk(self.keep, dim=1).values[:, -1:]
            says = torch.where(says >= least, says, 0.0)
        inner = relu(torch.einsum("bd,nhd->bnh", vectors, self.weights["w1"]))
        corrections = normalize(torch.einsum("bnh,ndh->bnd", inner, self.weights["w2"]), dim=2)
        return normalize(vectors + torch.einsum("bnd,bn->bd", corrections, says), dim=1)

    def save(self, folder: Path) -> None:
        save_file(dict(self.weights), folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(load_file(folder / FILE))


def teach(
    block: Mixture, queries: Vectors, passages: Vectors, newcomers: int, seed: int
) -> Mixture:
    """The block after learning that query i is answered by passage i.

    The last `newcomers` experts learn; where these are all there are, what is shared learns too.
    """
    random = np.random.default_rng(seed)
    order = random.permutation(len(queries))
    held, learn = np.split(order, [int(HELD_OUT * len(order))])
    asked, read = torch.from_numpy(queries), torch.from_numpy(passages)
    learning = _Learning(block, newcomers, seed)
    best, lowest = learning.block(), float("inf")
    for _ in range(EPOCHS):
        for rows in np.array_split(random.permutation(learn), -(-len(learn) // BATCH)):
            learning.step(asked[rows], read[rows])
        now = learning.block()
        # Too few to hold any out: the last epoch counts.
        loss = _loss(now, asked[held], read[held]) if len(held) > 1 else -1.0
        if loss < lowest or loss == -1.0:
            best, lowest = now, loss
    return best


class _Learning:
    """Open weights, those they belong to, and the optimiser."""

    def __init__(self, block: Mixture, newcomers: int, seed: int) -> None:
        self.keep, self.old = block.keep, block.experts - newcomers
        self.closed = {name: weight.detach() for name, weight in block.weights.items()}
        names = GROWING if self.old else tuple(self.closed)
        self.open = {
            name: self.closed[name][self._from(name) :].clone().requires_grad_(True)
            for name in names
        }
        self.generator = torch.Generator().manual_seed(seed)
        self.optimizer = torch.optim.AdamW(self.open.values(), lr=LEARNING_RATE)

    def block(self) -> Mixture:
        """The block as it is now, closed."""
        return Mixture({name: w.detach().clone() for name, w in self._weights().items()}, self.keep)

    def step(self, queries: torch.Tensor, passages: torch.Tensor) -> None:
        block = Mixture(self._weights(), 1)
        logits = self._noisy(block, queries) @ self._noisy(block, passages).T / TEMPERATURE
        loss = cross_entropy(logits, torch.arange(len(queries)))
        self.optimizer.zero_grad(set_to_none=True)
        loss.backward()  # type: ignore[no-untyped-call]
        self.optimizer.step()

    def _noisy(self, block: Mixture, vectors: torch.Tensor) -> torch.Tensor:
        gate = block.gate(vectors)
        noise = torch.randn(gate.shape, generator=self.generator)
        gate = gate + noise * softplus(vectors @ block.weights["noise"].T)
        return block.through(vectors, torch.softmax(gate, dim=1))

    def _weights(self) -> Weights:
        return {
            name: torch.cat([weight[: self._from(name)], self.open[name]])
            if name in self.open
            else weight
            for name, weight in self.closed.items()
        }

    def _from(self, name: str) -> int:
        return self.old if name in GROWING else 0


def _loss(block: Mixture, queries: torch.Tensor, passages: torch.Tensor) -> float:
    asked, read = block.rewrite(queries.numpy()), block.rewrite(passages.numpy())
    logits = torch.from_numpy(asked @ read.T) / TEMPERATURE
    return float(cross_entropy(logits, torch.arange(len(queries))))


def _fresh(generator: torch.Generator, dimension: int, experts: int) -> Weights:
    half = dimension // 2
    return {
        "w1": _drawn(generator, (experts, half, dimension), dimension),
        "w2": _drawn(generator, (experts, dimension, half), half),
        "c3": _drawn(generator, (experts, half), half),
        "noise": _drawn(generator, (experts, dimension), dimension),
    }


def _drawn(generator: torch.Generator, shape: tuple[int, ...], inputs: int) -> torch.Tensor:
    """Uniform within the inverse root of the inputs, as linear layers are at birth."""
    draws: torch.Tensor = (2 * torch.rand(shape, generator=generator) - 1) * inputs**-0.5
    return draws
