"""Teaching an expert: short queries go through the network, the documents' vectors are constants.

Loss of a pair (query, document), with s = 1 / TEMPERATURE:

    -log  exp(s q·d⁺) / Σ_d exp(s q·d),        q = normalise(frozen(query) + expert(query))

where d runs over the passages of documents that have training pairs themselves. Only those could
have been the answer; letting all others be negatives teaches which documents get asked about
(docs/decisions.md). Other known answers of the query are left out of the sum.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import torch

from pipeline.encoder import Encoder, Vectors
from pipeline.experts.base import Expert
from pipeline.progress import Progress, silent

TEMPERATURE = 0.05
BATCH = 32
EPOCHS = 4
LEARNING_RATE = 1e-3
WARM_UP = 0.1
PATIENCE = 2
MOST_CANDIDATES = 16_384
DEVELOPMENT = 0.1


@dataclass(frozen=True)
class Lessons:
    """What an expert learns from: `answers[i]` are rows of `candidates` that answer query i.

    `groups[i]` names the document that query i is about; development queries are split off by it.
    """

    queries: Sequence[str]
    answers: Sequence[npt.NDArray[np.int64]]
    candidates: Vectors
    groups: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Training:
    """How it went; `losses` are those of the development queries, before and after each epoch."""

    queries: int
    steps: int
    losses: tuple[float, ...]
    seconds: float
    stopped_early: bool


def train(
    encoder: Encoder,
    expert: Expert,
    lessons: Lessons,
    *,
    minutes: float,
    seed: int,
    progress: Progress = silent,
) -> Training:
    """Train `expert` in place on `lessons`; everything else stays untouched."""
    started = time.monotonic()
    generator = torch.Generator().manual_seed(seed)
    course = _Course(encoder, lessons, seed)
    parameters = expert.trainable()
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.01)
    total = EPOCHS * -(-len(course.learn) // BATCH)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _schedule(step, total))
    with expert.attached():
        losses = [course.development_loss()]
        best, kept = losses[0], expert.state()
        step = 0
        for _ in range(EPOCHS):
            order = torch.randperm(len(course.learn), generator=generator).numpy()
            for rows in np.array_split(course.learn[order], -(-len(order) // BATCH)):
                optimizer.zero_grad(set_to_none=True)
                course.loss(rows).backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                optimizer.step()
                rate.step()
                step += 1
                progress(f"training {expert.name}", step, total)
            losses.append(course.development_loss())
            if losses[-1] < best:
                best, kept = losses[-1], expert.state()
            late = time.monotonic() - started > 60 * minutes
            if late or min(losses[-PATIENCE:]) > best:
                break
        progress(f"training {expert.name}", total, total)
    expert.restore(kept)
    expert.freeze()
    seconds = time.monotonic() - started
    return Training(len(course.learn), step, tuple(losses), seconds, step < total)


class _Course:
    """Lessons made ready: tokens, frozen query vectors, candidates as a tensor."""

    def __init__(self, encoder: Encoder, lessons: Lessons, seed: int) -> None:
        self.encoder = encoder
        self.tokens = encoder.tokenise(lessons.queries, "query")
        self.frozen = torch.from_numpy(encoder.encode_queries(lessons.queries))
        self.answers = lessons.answers
        random = np.random.default_rng(seed)
        documents = random.permutation(np.unique(lessons.groups))
        held = documents[: int(len(documents) * DEVELOPMENT)]
        self.develop = np.flatnonzero(np.isin(lessons.groups, held))
        self.learn = np.flatnonzero(~np.isin(lessons.groups, held))
        self.candidates = torch.from_numpy(lessons.candidates)
        self.random = random

    def loss(self, rows: npt.NDArray[np.int64]) -> torch.Tensor:
        """Mean loss of some queries."""
        learned = self.encoder.embed([self.tokens[row] for row in rows])
        vectors = torch.nn.functional.normalize(self.frozen[rows] + learned, dim=1)
        columns, place = self._candidates(rows)
        logits = vectors @ self.candidates[columns].T / TEMPERATURE
        targets = []
        for line, row in enumerate(rows):
            own = place[torch.from_numpy(self.answers[row])]
            with torch.no_grad():
                target = own[logits[line, own].argmax()]
            others = own[own != target]
            logits[line, others] = -torch.inf
            targets.append(target)
        return torch.nn.functional.cross_entropy(logits, torch.stack(targets))

    def development_loss(self) -> float:
        """Mean loss of the held-out queries."""
        if not len(self.develop):
            return float("inf")
        with torch.inference_mode():
            parts = np.array_split(self.develop, -(-len(self.develop) // 128))
            return float(sum(self.loss(part) * len(part) for part in parts) / len(self.develop))

    def _candidates(self, rows: npt.NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Candidate rows for a batch, and where each candidate stands among them."""
        count = len(self.candidates)
        if count <= MOST_CANDIDATES:
            everything = torch.arange(count)
            return everything, everything
        sampled = self.random.choice(count, MOST_CANDIDATES, replace=False)
        own = np.concatenate([self.answers[row] for row in rows])
        columns = torch.from_numpy(np.union1d(sampled, own))
        place = torch.full((count,), -1)
        place[columns] = torch.arange(len(columns))
        return columns, place


def _schedule(step: int, total: int) -> float:
    """Linear warm-up, then linear decay to zero."""
    warm = max(1, int(total * WARM_UP))
    return (step + 1) / warm if step < warm else max(0.0, (total - step) / (total - warm))
