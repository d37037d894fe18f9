"""DDR's two phases: a general prefix for everything, then a kind's prefix and its router's row.

1. On the first corpus's pairs, P_g: queries and passages both go through it, and

       loss = -log  exp(s q·d⁺) / Σ_d exp(s q·d)

   over the passages of a batch, nothing of the frozen vectors kept; s is that of
   pipeline/both_sides.py.
2. P_n and the row w_n, together, on questions about the new kind and about older ones: a query goes
   through P_g + Σ_i b_i P_i with b = softmax(W f(q)); passages keep the vectors that P_g gave them.
   The same loss, s and candidates being those of pipeline/training.py.

DDR, "Dynamic Dense Retrieval" (arXiv 2602.22547), prefixes as in X. L. Li and P. Liang (ACL 2021).
P_g is closed in the second phase: the scripts of the paper's ancestor let it drift, and with it all
passages. Older prefixes and rows are closed too, since here kinds arrive one by one.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

import numpy as np
import numpy.typing as npt
import torch

from pipeline.both_sides import PlainCourse
from pipeline.encoder import Encoder, Vectors
from pipeline.experts.prefix import PrefixExpert
from pipeline.progress import Progress, silent
from pipeline.routing.learned import LearnedRouter
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

Rows = npt.NDArray[np.int64]


def teach_general(
    encoder: Encoder,
    general: PrefixExpert,
    lessons: Lessons,
    texts: Sequence[str],
    *,
    minutes: float,
    seed: int,
    progress: Progress = silent,
) -> Training:
    """The first phase, in place; `texts[i]` is the passage whose frozen vector is candidate i."""
    started = time.monotonic()
    course = PlainCourse(encoder, lessons, texts, seed)
    return run(course, general, started, minutes=minutes, seed=seed, progress=progress)


def teach_beside(
    encoder: Encoder,
    general: PrefixExpert,
    experts: Mapping[str, PrefixExpert],
    router: LearnedRouter,
    newcomer: PrefixExpert,
    lessons: Lessons,
    *,
    minutes: float,
    seed: int,
    progress: Progress = silent,
) -> tuple[Training, LearnedRouter]:
    """The second phase: the newcomer in place, and the router with its row."""
    started = time.monotonic()
    pupil = _Newcomer(newcomer, encoder.dimension)
    course = _Joint(encoder, [general, *experts.values(), newcomer], router, pupil, lessons, seed)
    training = run(course, pupil, started, minutes=minutes, seed=seed, progress=progress)
    return training, LearnedRouter(
        {**router.rows, newcomer.name: pupil.row.detach().numpy().copy()}
    )


class _Newcomer:
    """A prefix and a row, as one pupil."""

    def __init__(self, prefix: PrefixExpert, dimension: int) -> None:
        self.prefix, self.name = prefix, prefix.name
        self.learning_rate, self.epochs = prefix.learning_rate, prefix.epochs
        self.row = torch.zeros(dimension)

    def trainable(self) -> Sequence[torch.Tensor]:
        return [*self.prefix.trainable(), self.row.requires_grad_(True)]

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Each batch is a sum of its own."""
        yield

    def freeze(self) -> None:
        self.prefix.freeze()
        self.row.requires_grad_(False)


class _Joint(Candidates):
    """Questions of all kinds, each through its own sum of prefixes: the general one, those of the
    router's rows in their order, the newcomer.
    """

    batch = BATCH

    def __init__(
        self,
        encoder: Encoder,
        prefixes: Sequence[PrefixExpert],
        router: LearnedRouter,
        pupil: _Newcomer,
        lessons: Lessons,
        seed: int,
    ) -> None:
        super().__init__(lessons, seed)
        self.encoder, self.prefixes, self.pupil = encoder, prefixes, pupil
        self.tokens = encoder.tokenise(lessons.queries, "query")
        frozen = encoder.encode_queries(lessons.queries)
        self.frozen = torch.from_numpy(frozen)
        self.logits = torch.from_numpy(_logits(router, frozen))

    def deal(self, rows: Rows) -> list[Rows]:
        return even(rows, self.batch)

    def loss(self, rows: Rows) -> torch.Tensor:
        """Mean loss of some queries."""
        own = (self.frozen[rows] @ self.pupil.row)[:, None]
        says = torch.softmax(torch.cat([self.logits[rows], own], dim=1), dim=1)
        # The general prefix has all its say, whatever the router gives to no expert at all.
        weights = torch.cat([torch.ones(len(rows), 1), says[:, 1:]], dim=1)
        with self.pupil.prefix.blended(self.prefixes, weights):
            learned = self.encoder.embed([self.tokens[row] for row in rows])
        columns, place = self.sampled(rows)
        vectors = torch.nn.functional.normalize(learned, dim=1)
        logits = vectors @ self.candidates[columns].T / TEMPERATURE
        return ranked(logits, self.answers_among(rows, place))


def _logits(router: LearnedRouter, frozen: Vectors) -> Vectors:
    """Of no expert and of those that there are."""
    columns = [np.zeros(len(frozen)), *(frozen @ row for row in router.rows.values())]
    logits: Vectors = np.stack(columns, axis=1).astype(np.float32)
    return logits
