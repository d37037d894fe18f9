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
from typing import Protocol

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
    """How it went; `ranks` are the development queries' mean reciprocal ranks, epoch by epoch."""

    queries: int
    steps: int
    ranks: tuple[float, ...]
    seconds: float
    stopped_early: bool


class Course(Protocol):
    """Lessons made ready for the loop below; rows are whatever the course deals in batches."""

    queries: int
    rows: npt.NDArray[np.int64]
    batch: int

    def loss(self, rows: npt.NDArray[np.int64]) -> torch.Tensor:
        """Mean loss of a batch."""
        ...

    def reciprocal_ranks(self) -> npt.NDArray[np.float64]:
        """1 / rank of the best answer, for each development query."""
        ...


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
    course = _Course(encoder, lessons, seed)
    return run(course, expert, started, minutes=minutes, seed=seed, progress=progress)


def run(
    course: Course,
    expert: Expert,
    started: float,
    *,
    minutes: float,
    seed: int,
    progress: Progress = silent,
) -> Training:
    """Take `expert` through a course whose time has been running since `started`."""
    deadline = started + 60 * minutes
    generator = torch.Generator().manual_seed(seed)
    parameters = expert.trainable()
    optimizer = torch.optim.AdamW(parameters, lr=LEARNING_RATE, weight_decay=0.01)
    total = steps_of(course)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _schedule(step, total))
    ranks: list[float] = []
    kept = expert.state()
    step = 0
    with expert.attached():
        best = course.reciprocal_ranks()
        for epoch in range(EPOCHS):
            order = torch.randperm(len(course.rows), generator=generator).numpy()
            for rows in np.array_split(course.rows[order], -(-len(order) // course.batch)):
                optimizer.zero_grad(set_to_none=True)
                course.loss(rows).backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                optimizer.step()
                rate.step()
                step += 1
                progress(f"training {expert.name}", step, total)
                if time.monotonic() > deadline:
                    break
            now = course.reciprocal_ranks()
            ranks.append(float(now.mean()) if len(now) else 0.0)
            worse = _surely_worse(now, best)
            if not worse:
                kept = expert.state()
                best = now if epoch == 0 or now.sum() > best.sum() else best
            if worse or time.monotonic() > deadline:
                break
    progress(f"training {expert.name}", total, total)
    expert.restore(kept)
    expert.freeze()
    seconds = time.monotonic() - started
    return Training(course.queries, step, tuple(ranks), seconds, step < total)


def steps_of(course: Course) -> int:
    """Steps of all epochs."""
    return EPOCHS * -(-len(course.rows) // course.batch)


def split(
    groups: npt.NDArray[np.int64], random: np.random.Generator
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Rows to learn from and rows to develop by; no group is in both."""
    documents = random.permutation(np.unique(groups))
    held = np.isin(groups, documents[: int(len(documents) * DEVELOPMENT)])
    return np.flatnonzero(~held), np.flatnonzero(held)


class _Course:
    """Lessons made ready: tokens, frozen query vectors, candidates as a tensor."""

    batch = BATCH

    def __init__(self, encoder: Encoder, lessons: Lessons, seed: int) -> None:
        self.encoder = encoder
        self.tokens = encoder.tokenise(lessons.queries, "query")
        self.frozen = torch.from_numpy(encoder.encode_queries(lessons.queries))
        self.answers = lessons.answers
        self.random = np.random.default_rng(seed)
        self.learn, self.develop = split(lessons.groups, self.random)
        self.rows, self.queries = self.learn, len(self.learn)
        self.candidates = torch.from_numpy(lessons.candidates)

    def loss(self, rows: npt.NDArray[np.int64]) -> torch.Tensor:
        """Mean loss of some queries."""
        vectors = self._vectors(rows)
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

    def reciprocal_ranks(self) -> npt.NDArray[np.float64]:
        """1 / rank of the best answer among all candidates, for each development query."""
        ranks = np.empty(len(self.develop))
        for place, row in enumerate(self.develop.tolist()):
            with torch.inference_mode():
                scores = (self._vectors([row]) @ self.candidates.T)[0]
                best = scores[torch.from_numpy(self.answers[row])].max()
                ranks[place] = 1 / (1 + int((scores > best).sum()))
        return ranks

    def _vectors(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> torch.Tensor:
        learned = self.encoder.embed([self.tokens[row] for row in rows])
        return torch.nn.functional.normalize(self.frozen[rows] + learned, dim=1)

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


def _surely_worse(now: npt.NDArray[np.float64], best: npt.NDArray[np.float64]) -> bool:
    """Whether the difference is below zero by more than two standard errors.

    Within them the later epoch is kept: a few held-out queries cannot tell epochs apart, and more
    training kept helping queries about documents that others had asked about.
    """
    difference = now - best
    if len(difference) < 2:
        return False
    return bool(difference.mean() < -2 * difference.std(ddof=1) / np.sqrt(len(difference)))


def _schedule(step: int, total: int) -> float:
    """Linear warm-up, then linear decay to zero."""
    warm = max(1, int(total * WARM_UP))
    return (step + 1) / warm if step < warm else max(0.0, (total - step) / (total - warm))
