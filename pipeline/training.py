"""Teaching an expert: short queries go through the network, the documents' vectors are constants.

Loss of a pair (query, document), with s = 1 / TEMPERATURE:

    -log  exp(s q·d⁺) / Σ_d exp(s q·d),        q = taught(frozen(query), expert(query))

where `taught` is the composition's (pipeline/composition/), ours normalise(frozen + expert), and d
runs over the passages of documents that have training pairs themselves. Only those could have been
the answer; letting all others be negatives teaches which documents get asked about
(docs/decisions.md). Other known answers of the query are left out of the sum.

Of what was learned a share is kept, KEPT: on the way from the first weights to the tuned ones lie
some that know nearly as much of the documents asked about, and more of the others.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch

from pipeline.composition.base import Composition
from pipeline.composition.methods import HALVES
from pipeline.encoder import Encoder, Vectors
from pipeline.experts.base import Expert
from pipeline.experts.weights import between
from pipeline.progress import Progress, silent

TEMPERATURE = 0.03
KEPT = 0.75
BATCH = 32
SORTED = 8
"""Batches whose queries are sorted by length among them."""
WARM_UP = 0.1
MOST_CANDIDATES = 16_384


@dataclass(frozen=True)
class Lessons:
    """What an expert learns from: `answers[i]` are rows of `candidates` that answer query i.

    `groups[i]` names the document that query i is about.
    """

    queries: Sequence[str]
    answers: Sequence[npt.NDArray[np.int64]]
    candidates: Vectors
    groups: npt.NDArray[np.int64]


@dataclass(frozen=True)
class Training:
    """How it went; `losses` are means over an epoch, and time may have stopped it early."""

    queries: int
    steps: int
    losses: tuple[float, ...]
    seconds: float
    stopped_early: bool


def together(trainings: Sequence[Training], queries: int) -> Training:
    """Trainings that made one expert, of so many queries in all.

    >>> halves = [Training(10, 4, (2.0, 1.0), 3.0, False), Training(12, 5, (3.0, 2.0), 4.0, False)]
    >>> together(halves, 20)
    Training(queries=20, steps=9, losses=(2.5, 1.5), seconds=7.0, stopped_early=False)
    """
    epochs = zip(*(training.losses for training in trainings), strict=False)
    return Training(
        queries,
        sum(training.steps for training in trainings),
        tuple(float(np.mean(losses)) for losses in epochs),
        sum(training.seconds for training in trainings),
        any(training.stopped_early for training in trainings),
    )


class Pupil(Protocol):
    """Whoever has weights to learn by."""

    @property
    def name(self) -> str: ...

    @property
    def learning_rate(self) -> float: ...

    @property
    def epochs(self) -> int:
        """How often it hears its lessons."""
        ...

    def trainable(self) -> Sequence[torch.Tensor]:
        """Open the weights for training and return them."""
        ...

    def attached(self) -> AbstractContextManager[None]:
        """Inside, losses are of these weights."""
        ...

    def freeze(self) -> None:
        """Close the weights again."""
        ...


class Course(Protocol):
    """Lessons made ready for the loop below; rows are whatever the course deals in batches."""

    queries: int
    rows: npt.NDArray[np.int64]
    batch: int

    def deal(self, rows: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
        """All rows, which come in a random order, in batches."""
        ...

    def loss(self, rows: npt.NDArray[np.int64]) -> torch.Tensor:
        """Mean loss of a batch."""
        ...


def train(
    encoder: Encoder,
    expert: Expert,
    lessons: Lessons,
    *,
    minutes: float,
    seed: int,
    composition: Composition = HALVES,
    progress: Progress = silent,
) -> Training:
    """Train `expert` in place on `lessons`; everything else stays untouched."""
    started = time.monotonic()
    learns, start = bool(expert.trainable()), expert.state()
    expert.freeze()
    if not learns:
        return Training(len(lessons.queries), 0, (), 0.0, stopped_early=False)
    course = _Course(encoder, lessons, seed, composition)
    training = run(course, expert, started, minutes=minutes, seed=seed, progress=progress)
    expert.restore(between(start, expert.state(), KEPT))
    return training


def run(
    course: Course,
    expert: Pupil,
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
    optimizer = torch.optim.AdamW(parameters, lr=expert.learning_rate, weight_decay=0.01)
    total = steps_of(course, expert)
    rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: _schedule(step, total))
    losses: list[float] = []
    step = 0
    with expert.attached():
        for _ in range(expert.epochs):
            order = torch.randperm(len(course.rows), generator=generator).numpy()
            epoch: list[float] = []
            dealt = course.deal(course.rows[order])
            for place in torch.randperm(len(dealt), generator=generator).tolist():
                optimizer.zero_grad(set_to_none=True)
                loss = course.loss(dealt[place])
                loss.backward()  # type: ignore[no-untyped-call]
                torch.nn.utils.clip_grad_norm_(parameters, 1.0)
                optimizer.step()
                rate.step()
                step += 1
                epoch.append(float(loss.detach()))
                progress(f"training {expert.name}", step, total)
                if time.monotonic() > deadline:
                    break
            losses.append(float(np.mean(epoch)))
            if time.monotonic() > deadline:
                break
    progress(f"training {expert.name}", total, total)
    expert.freeze()
    seconds = time.monotonic() - started
    return Training(course.queries, step, tuple(losses), seconds, step < total)


def even(rows: npt.NDArray[np.int64], batch: int) -> list[npt.NDArray[np.int64]]:
    """Rows in their order, in as few batches as that size allows, all about equally large.

    >>> [len(part) for part in even(np.arange(10), 4)]
    [4, 3, 3]
    """
    return list(np.array_split(rows, -(-len(rows) // batch)))


def steps_of(course: Course, pupil: Pupil) -> int:
    """Steps of all epochs."""
    return pupil.epochs * -(-len(course.rows) // course.batch)


class Candidates:
    """What lessons may be answered by, as tensors; among very many some are drawn."""

    def __init__(self, lessons: Lessons, seed: int) -> None:
        self.answers = lessons.answers
        self.random = np.random.default_rng(seed)
        self.rows, self.queries = np.arange(len(lessons.queries)), len(lessons.queries)
        self.candidates = torch.from_numpy(lessons.candidates)

    def sampled(self, rows: npt.NDArray[np.int64]) -> tuple[torch.Tensor, torch.Tensor]:
        """Candidate rows for a batch, and where each candidate stands among them."""
        count = len(self.candidates)
        if count <= MOST_CANDIDATES:
            everything = torch.arange(count)
            return everything, everything
        drawn = self.random.choice(count, MOST_CANDIDATES, replace=False)
        own = np.concatenate([self.answers[row] for row in rows])
        columns = torch.from_numpy(np.union1d(drawn, own))
        place = torch.full((count,), -1)
        place[columns] = torch.arange(len(columns))
        return columns, place

    def answers_among(self, rows: npt.NDArray[np.int64], place: torch.Tensor) -> list[torch.Tensor]:
        """Where each query's answers stand among the sampled candidates."""
        return [place[torch.from_numpy(self.answers[row])] for row in rows]


class _Course(Candidates):
    """Lessons made ready: tokens, frozen query vectors, candidates."""

    batch = BATCH

    def __init__(
        self,
        encoder: Encoder,
        lessons: Lessons,
        seed: int,
        composition: Composition = HALVES,
    ) -> None:
        super().__init__(lessons, seed)
        self.encoder, self.composition = encoder, composition
        self.tokens = encoder.tokenise(lessons.queries, "query")
        self.frozen = torch.from_numpy(encoder.encode_queries(lessons.queries))
        self.lengths = np.array([len(ids) for ids in self.tokens])

    def deal(self, rows: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
        """Batches of queries of about the same length: in others half of the work is padding."""
        batches: list[npt.NDArray[np.int64]] = []
        whole = even(rows, self.batch)
        for start in range(0, len(whole), SORTED):
            some = np.concatenate(whole[start : start + SORTED])
            by_length = some[np.argsort(self.lengths[some], kind="stable")]
            batches += np.array_split(by_length, len(whole[start : start + SORTED]))
        return batches

    def loss(self, rows: npt.NDArray[np.int64]) -> torch.Tensor:
        """Mean loss of some queries."""
        vectors = self._vectors(rows)
        columns, place = self.sampled(rows)
        logits = vectors @ self.candidates[columns].T / TEMPERATURE
        loss = ranked(logits, self.answers_among(rows, place))
        owed: torch.Tensor | float = self.encoder.guest.penalty(self.lengths[rows].tolist())
        return loss + owed

    def _vectors(self, rows: Sequence[int] | npt.NDArray[np.int64]) -> torch.Tensor:
        learned = self.encoder.embed([self.tokens[row] for row in rows])
        return self.composition.taught(self.frozen[rows], learned)


def ranked(logits: torch.Tensor, answers: Sequence[torch.Tensor]) -> torch.Tensor:
    """Mean of -log softmax at each line's best answer, its other answers left out.

    >>> ranked(torch.tensor([[0.0, 9.0, 0.0]]), [torch.tensor([0, 1])]) < 0.001
    tensor(True)
    """
    targets = []
    for line, own in enumerate(answers):
        with torch.no_grad():
            target = own[logits[line, own].argmax()]
        logits[line, own[own != target]] = -torch.inf
        targets.append(target)
    return torch.nn.functional.cross_entropy(logits, torch.stack(targets))


def _schedule(step: int, total: int) -> float:
    """Linear warm-up, then linear decay to zero."""
    warm = max(1, int(total * WARM_UP))
    return (step + 1) / warm if step < warm else max(0.0, (total - step) / (total - warm))
