"""MixLoRA-DSI's rule: the energy of a cosine router, layer by layer, above its running mean.

    E(x) = -T log Σ_i exp(cos(r_i, x) / T)
    a document is out at a layer       E(x) > μ_e + σ sd_e      for every expert e
    a night is new                     share out >= δ           at any layer

T. Huynh et al., "MixLoRA-DSI: Dynamically Expandable Mixture-of-LoRA Experts for Rehearsal-Free
Generative Retrieval over Dynamic Corpora", EMNLP 2025 (arXiv 2507.09924). Defaults as shipped:
T = 1, σ = 0, δ = 1 % (its setting on NQ320k), two rows at first and one for each kind after,
statistics that keep .9 and take .1 from each batch, over the documents that have the expert among
their best two, divided by one more than there are. With σ = 0, "out" means above the mean: no rate
of false alarms is promised.

What is ours, for want of a decoder: a document is one token, its mean-pooled features; rows
follow the router's own loss alone,

    mean_x (1 - cos(r, x)) + Σ_old max(0, cos(r_old, r));

and the number for a document is the mean over layers of min_e (E - μ_e) / sd_e.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from pipeline.detectors.base import Alarm, Detector, Groups, Known, directions
from pipeline.kinds import Layers
from pipeline.layers import Array

AT_FIRST = 2
BEST = 2
BATCH = 128
EPOCHS = 10
KEPT = 0.9
STEPS = 200


@dataclass(frozen=True)
class EnergyRule:
    """
    >>> random = np.random.default_rng(0)
    >>> known = Known(random.normal(size=(300, 2, 8)) + 2, np.arange(300, dtype=np.uint64))
    >>> fitted = EnergyRule().fit([known], seed=0)
    >>> fitted.score(-known.features).min() > fitted.score(known.features).max()
    np.True_
    """

    temperature: float = 1.0
    sigma: float = 0.0
    delta: float = 0.01

    def fit(self, known: Sequence[Known], seed: int) -> Energy:
        random = np.random.default_rng(seed)
        layers, dimension = known[0].features.shape[1:]
        rows = np.empty((layers, 0, dimension))
        mean = variance = np.empty((layers, 0))
        for kind in known:
            vectors = directions(kind.features)
            for _ in range(1 if rows.shape[1] else AT_FIRST):
                rows = _with_row(rows, vectors.mean(axis=0, dtype=np.float64), random)
            cosines = _cosines(vectors, rows)
            mean, variance = self._before(mean, variance, cosines)
            mean, variance = self._after(mean, variance, cosines, random)
        return Energy(self, rows, mean, np.sqrt(variance) + 1e-9)

    def of(self, cosines: Array) -> Array:
        """E (documents, layers) of cosines (documents, layers, experts); T keeps exp small."""
        heat = np.exp(cosines / self.temperature).sum(axis=-1)
        return np.asarray(-self.temperature * np.log(heat))

    def _before(self, mean: Array, variance: Array, cosines: Array) -> tuple[Array, Array]:
        """One expert more lowers all energies by the log of the ratio; it starts like the first."""
        old, now = mean.shape[1], cosines.shape[2]
        if not old:
            energies = self.of(cosines[:BATCH])
            first, spread = energies.mean(axis=0), energies.var(axis=0)
            return np.repeat(first[:, None], now, axis=1), np.repeat(spread[:, None], now, axis=1)
        mean = mean + self.temperature * np.log(old / now)
        return np.c_[mean, mean[:, :1]], np.c_[variance, variance[:, :1]]

    def _after(
        self, mean: Array, variance: Array, cosines: Array, random: np.random.Generator
    ) -> tuple[Array, Array]:
        """The running mean and variance after some epochs over the documents of a kind."""
        energies = self.of(cosines)[:, :, None]
        ranks = (-cosines).argsort(axis=2).argsort(axis=2)
        chosen = ranks < BEST
        for _ in range(EPOCHS):
            order = random.permutation(len(cosines))
            for start in range(0, len(order), BATCH):
                batch = order[start : start + BATCH]
                taken, seen = chosen[batch], energies[batch]
                count = taken.sum(axis=0)
                share = (1 - KEPT) * (count > 0)
                middle = (seen * taken).sum(axis=0) / np.maximum(1, count)
                here = middle * count / (count + 1)
                off = ((seen - middle) ** 2 * taken).sum(axis=0) / (count + 1)
                mean = (1 - share) * mean + share * here
                variance = (1 - share) * variance + share * off
        return mean, variance


@dataclass(frozen=True)
class Energy(Detector):
    """Router rows (layers, experts, dimension), and each expert's running mean and deviation."""

    rule: EnergyRule
    rows: Array
    mean: Array
    deviation: Array

    def look(self, features: Layers) -> Array:
        """Energies (documents, layers)."""
        return self.rule.of(_cosines(directions(features), self.rows))

    def rate(self, seen: Array) -> Array:
        excess = (seen[:, :, None] - self.mean) / self.deviation
        return np.asarray(excess.min(axis=2).mean(axis=1))

    def judge(self, seen: Array, groups: Groups) -> Alarm:
        """The score is the share of documents that are out, at the layer with most of them."""
        limit = (self.mean + self.rule.sigma * self.deviation).max(axis=1)
        most = float((seen > limit).mean(axis=0).max())
        return Alarm(most >= self.rule.delta, most)


def _cosines(vectors: Layers, rows: Array) -> Array:
    """(documents, layers, experts), layer by layer: one matrix product each."""
    columns = [vectors[:, n] @ rows[n].T.astype(np.float32) for n in range(len(rows))]
    return np.stack(columns, axis=1).astype(np.float64)


def _with_row(rows: Array, towards: Array, random: np.random.Generator) -> Array:
    """One row more in each layer, pulled to its documents and pushed off the old rows."""
    row = random.normal(size=towards.shape)
    row /= np.linalg.norm(row, axis=1, keepdims=True)
    for step in range(STEPS):
        near = np.einsum("lnd,ld->ln", rows, row) > 0
        slope = np.einsum("lnd,ln->ld", rows, near) - towards
        row -= slope / (1 + step)
        row /= np.linalg.norm(row, axis=1, keepdims=True)
    return np.concatenate([rows, row[:, None]], axis=1)
