"""MixLoRA-DSI's training: what has newly grown learns alone, and keeps clear of what was there.

    L = ranking + Σ_layers [ mean(1 - cos(R, h)) + Σ_old max(0, cos(R_old, R)) ] + KL_WEIGHT · KL

over the new rows R of the routers, with KL from what the model before ranks the same passages by.
T. Huynh et al. (EMNLP 2025, arXiv 2507.09924). In the place of their decoder's docid positions
stand the tokens of a question. The product teaches a mixture like any other expert, by the first
two parts (pipeline/training.py): there whoever was served by the model before still is, and needs
no KL.
"""

from __future__ import annotations

import time
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import torch
from torch.nn.functional import kl_div, log_softmax, normalize, softmax

from pipeline.encoder import Encoder, Vectors
from pipeline.experts.mixlora import MixLora
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


def teach(
    model: MixLora,
    lessons: Lessons,
    *,
    minutes: float,
    seed: int,
    progress: Progress = silent,
) -> Training:
    """Teach what is open, and close it."""
    started = time.monotonic()
    course = _Course(model, lessons, seed)
    training = run(course, model, started, minutes=minutes, seed=seed, progress=progress)
    model.close()
    return training


class _Course(Candidates):
    """Lessons made ready: tokens, and what the model before makes of the queries."""

    batch = BATCH

    def __init__(self, model: MixLora, lessons: Lessons, seed: int) -> None:
        super().__init__(lessons, seed)
        self.model = model
        self.tokens = model.encoder.tokenise(lessons.queries, "query")
        self.before = _before(model, lessons.queries)

    def deal(self, rows: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
        return even(rows, self.batch)

    def loss(self, rows: npt.NDArray[np.int64]) -> torch.Tensor:
        """Mean loss of some queries."""
        tokens = [self.tokens[row] for row in rows]
        vectors = normalize(self.model.encoder.embed(tokens), dim=1)
        columns, place = self.sampled(rows)
        logits = vectors @ self.candidates[columns].T / TEMPERATURE
        loss = ranked(logits.clone(), self.answers_among(rows, place))
        loss = loss + self.model.penalty([len(ids) for ids in tokens])
        if self.before is not None:
            before = self.before[rows] @ self.candidates[columns].T / TEMPERATURE
            known, now = softmax(before, dim=1), log_softmax(logits, dim=1)
            loss = loss + KL_WEIGHT * kl_div(now, known, reduction="batchmean")
        return loss


def _before(model: MixLora, queries: Sequence[str]) -> torch.Tensor | None:
    """The queries' vectors by the experts that are closed; None where there are none yet."""
    if not len(model.layers[0]["router"]):
        return None
    closed = MixLora(model.encoder, "before", model.layers)
    return torch.from_numpy(_encoded(closed, model.encoder, queries))


def _encoded(model: MixLora, encoder: Encoder, queries: Sequence[str]) -> Vectors:
    with model.attached():
        return encoder.encode_queries(queries)
