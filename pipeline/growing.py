"""MixLoRA-DSI's growth: each layer tells by its energies whether it needs an expert more.

    E(h) = -T log Σ_i exp(cos(R_i, h) / T)
    a token is out at a layer      E(h) > μ_e + σ sd_e     for every expert e
    a question is out              if any of its tokens is
    the layer grows                if the share of questions that are out is δ or more

Then the new experts alone learn, and the new rows of the routers:

    L = ranking + Σ_layers [ mean(1 - cos(R, h)) + Σ_old max(0, cos(R_old, R)) ] + KL_WEIGHT · KL

with KL from what the model before ranks the same passages by. μ and sd run along while a layer
learns, .9 kept and .1 taken from each batch, over the tokens that have the expert among their best.
T. Huynh et al. (EMNLP 2025, arXiv 2507.09924); T = 1, σ = 0 and δ = 1 % as shipped. In the place of
their decoder's docid positions stand the tokens of a question.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import kl_div, log_softmax, normalize, relu, softmax

from pipeline.encoder import Encoder, Vectors, batches
from pipeline.experts.mixlora import BEST, MixLora
from pipeline.progress import Progress, silent
from pipeline.training import (
    BATCH,
    TEMPERATURE,
    Candidates,
    Lessons,
    Training,
    even,
    ranked,
    run,
)

KL_WEIGHT = 0.1
KEPT = 0.9
Row = npt.NDArray[np.float64]


@dataclass
class Energies:
    """`mean[l][e]` and `variance[l][e]`: what each layer's experts are used to."""

    mean: list[Row]
    variance: list[Row]

    @classmethod
    def none(cls) -> Energies:
        return cls([], [])

    def met(self, layer: int, cosines: torch.Tensor) -> None:
        """Take in a batch of tokens (tokens, experts) of a layer that learns."""
        energy = energy_of(cosines).numpy()
        chosen = cosines.argsort(dim=1, descending=True)[:, :BEST].numpy()
        for expert in range(cosines.shape[1]):
            own = energy[(chosen == expert).any(axis=1)]
            if not len(own):
                continue
            here = float(own.sum() / (len(own) + 1))
            off = float(((own - own.mean()) ** 2).sum() / (len(own) + 1))
            self.mean[layer][expert] = KEPT * self.mean[layer][expert] + (1 - KEPT) * here
            self.variance[layer][expert] = KEPT * self.variance[layer][expert] + (1 - KEPT) * off

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


def shares_out(
    model: MixLora, energies: Energies, queries: Sequence[str], sigma: float = 0.0
) -> list[float]:
    """The share of questions that are out, layer by layer."""
    out = [
        [energies.out(layer, cosines, sigma) for layer, cosines in enumerate(tokens)]
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
                found[row] = [layer[place, : len(tokens[row])] for layer in model.seen]
    return found


def teach(
    model: MixLora,
    energies: Energies,
    lessons: Lessons,
    *,
    minutes: float,
    seed: int,
    progress: Progress = silent,
) -> Training:
    """Teach what is open, and close it. `energies` follow the layers that learn."""
    started = time.monotonic()
    course = _Course(model, energies, lessons, seed)
    training = run(course, model, started, minutes=minutes, seed=seed, progress=progress)
    model.close()
    return training


class _Course(Candidates):
    """Lessons made ready: tokens, and what the model before makes of the queries."""

    batch = BATCH

    def __init__(self, model: MixLora, energies: Energies, lessons: Lessons, seed: int) -> None:
        super().__init__(lessons, seed)
        self.model, self.energies = model, energies
        self.tokens = model.encoder.tokenise(lessons.queries, "query")
        self.before = _before(model, lessons.queries)

    def deal(self, rows: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
        return even(rows, self.batch)

    def loss(self, rows: npt.NDArray[np.int64]) -> torch.Tensor:
        """Mean loss of some queries."""
        tokens = [self.tokens[row] for row in rows]
        vectors = normalize(self.model.encoder.embed(tokens), dim=1)
        seen = [
            torch.cat([cosines[place, : len(ids)] for place, ids in enumerate(tokens)])
            for cosines in self.model.seen
        ]
        columns, place = self.sampled(rows)
        logits = vectors @ self.candidates[columns].T / TEMPERATURE
        loss = ranked(logits.clone(), self.answers_among(rows, place))
        for layer in self.model.open:
            loss = loss + self._apart(layer, seen[layer])
            self.energies.met(layer, seen[layer].detach())
        if self.before is not None:
            before = self.before[rows] @ self.candidates[columns].T / TEMPERATURE
            known, now = softmax(before, dim=1), log_softmax(logits, dim=1)
            loss = loss + KL_WEIGHT * kl_div(now, known, reduction="batchmean")
        return loss

    def _apart(self, layer: int, cosines: torch.Tensor) -> torch.Tensor:
        """New rows are drawn to the tokens and pushed off the rows before them."""
        rows = normalize(self.model.weights(layer)["router"], dim=1)
        first = len(rows) - len(self.model.open[layer]["router"])
        parts = [
            (1 - cosines[:, new]).mean() + relu(rows[:new] @ rows[new]).sum()
            for new in range(first, len(rows))
        ]
        return torch.stack(parts).sum()


def _before(model: MixLora, queries: Sequence[str]) -> torch.Tensor | None:
    """The queries' vectors by the experts that are closed; None where there are none yet."""
    if not len(model.layers[0]["router"]):
        return None
    closed = MixLora(model.encoder, model.layers)
    return torch.from_numpy(_encoded(closed, model.encoder, queries))


def _encoded(model: MixLora, encoder: Encoder, queries: Sequence[str]) -> Vectors:
    with model.attached():
        return encoder.encode_queries(queries)
