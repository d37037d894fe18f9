"""Teaching both sides: an expert that also rewrites the documents which answer its queries.

Score of a query q and a passage d, f the frozen encoder and e the expert:

    s(q, d) = ½ f(q)·f(d) + ½ e(q)·e(d)

The frozen half stays for the reason it does on the query side. A batch is some passages with a few
queries of each: passages are long, so each goes through the network once a batch and answers for
all its queries. Wrong answers are the batch's other passages; all of them have training pairs
themselves, as on the query side (pipeline/training.py). Other known answers are left out.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import torch

from pipeline.encoder import Encoder, Vectors, batches
from pipeline.experts.base import Expert
from pipeline.progress import Progress, silent
from pipeline.training import Lessons, Training, even, run, steps_of

TEMPERATURE = 0.05
PASSAGES = 16
"""In a batch. In larger ones a passage meets more wrong answers, but there are fewer steps, and an
expert that has to learn both sides needs them (docs/decisions.md)."""
QUERIES_A_PASSAGE = 4
CALIBRATING = 0.1
"""The share of documents whose queries set the scale of the overlay's scores and never teach."""

Rows = npt.NDArray[np.int64]


def train_both(
    encoder: Encoder,
    expert: Expert,
    lessons: Lessons,
    texts: Sequence[str],
    *,
    minutes: float,
    seed: int,
    progress: Progress = silent,
) -> Training:
    """Train `expert` in place; `texts[i]` is the passage whose frozen vector is candidate i."""
    started = time.monotonic()
    course = BothSidesCourse(encoder, lessons, texts, seed)
    return run(course, expert, started, minutes=minutes, seed=seed, progress=progress)


def estimate(
    encoder: Encoder, expert: Expert, lessons: Lessons, texts: Sequence[str], seed: int
) -> float:
    """Seconds that `train_both` would take, from steps that are timed and then forgotten.

    The quicker of two counts: the first also warms up the machine.
    """
    course = BothSidesCourse(encoder, lessons, texts, seed)
    parameters = expert.trainable()
    timed = []
    with expert.attached():
        for _ in range(2):
            started = time.monotonic()
            course.loss(course.rows[: course.batch]).backward()  # type: ignore[no-untyped-call]
            timed.append(time.monotonic() - started)
    for parameter in parameters:
        parameter.grad = None
    expert.freeze()
    return min(timed) * steps_of(course, expert)


def split(groups: npt.NDArray[np.int64], random: np.random.Generator) -> tuple[Rows, Rows]:
    """Rows to learn from and rows to calibrate by; no group is in both."""
    documents = random.permutation(np.unique(groups))
    held = np.isin(groups, documents[: int(len(documents) * CALIBRATING)])
    return np.flatnonzero(~held), np.flatnonzero(held)


class BothSidesCourse:
    """Lessons made ready: tokens and frozen vectors of queries and passages."""

    batch = PASSAGES

    def __init__(
        self,
        encoder: Encoder,
        lessons: Lessons,
        texts: Sequence[str],
        seed: int,
        frozen: Vectors | None = None,
    ) -> None:
        """`frozen`: the queries in the space of the candidates, where the encoder has left it."""
        self.encoder = encoder
        self.random = np.random.default_rng(seed)
        self.learn = self.learning(lessons.groups)
        self.query_tokens = encoder.tokenise(lessons.queries, "query")
        self.passage_tokens = encoder.tokenise(texts, "document")
        asked = encoder.encode_queries(lessons.queries) if frozen is None else frozen
        self.frozen = torch.from_numpy(asked)
        self.candidates = torch.from_numpy(lessons.candidates)
        self.answers = lessons.answers
        self.asked: dict[int, list[int]] = {}
        """The learning queries of each passage that answers any: the likeliest one of theirs."""
        for row in self.learn.tolist():
            own = lessons.answers[row]
            near = lessons.candidates[own] @ self.frozen[row].numpy()
            self.asked.setdefault(int(own[near.argmax()]), []).append(row)
        self.rows = np.array(sorted(self.asked), np.int64)
        self.queries = len(self.learn)
        self.owed: torch.Tensor | float = 0.0
        """What the expert owes for the queries of the last batch, their mean."""

    def learning(self, groups: Rows) -> Rows:
        """The rows that teach; others set the scale of the overlay."""
        return split(groups, self.random)[0]

    def deal(self, rows: Rows) -> list[Rows]:
        """In their order: a batch's other passages are the wrong answers, and must be any."""
        return even(rows, self.batch)

    def loss(self, rows: Rows) -> torch.Tensor:
        """Mean loss of some queries of each of these passages."""
        dealt = [self._some(self.asked[row]) for row in rows.tolist()]
        queries = [query for some in dealt for query in some]
        targets = np.repeat(np.arange(len(rows)), [len(some) for some in dealt])
        logits = self._scores(queries, rows) / TEMPERATURE
        other = np.array([np.isin(rows, self.answers[query]) for query in queries])
        other[np.arange(len(queries)), targets] = False
        logits = logits.masked_fill(torch.from_numpy(other), -torch.inf)
        return torch.nn.functional.cross_entropy(logits, torch.from_numpy(targets)) + self.owed

    def _scores(self, queries: Sequence[int], passages: Rows) -> torch.Tensor:
        learned = self._learned(queries)
        rewritten = self._embed([self.passage_tokens[row] for row in passages.tolist()])
        frozen = self.frozen[list(queries)] @ self.candidates[torch.from_numpy(passages)].T
        return (frozen + learned @ rewritten.T) / 2

    def _learned(self, queries: Sequence[int]) -> torch.Tensor:
        """The queries' vectors; what the expert owes for them is noted, as on one side."""
        guest = self.encoder.guest
        self.owed = 0.0

        def passed(lengths: list[int]) -> None:
            if guest is not None:
                self.owed = self.owed + guest.penalty(lengths) * (len(lengths) / len(queries))

        return self._embed([self.query_tokens[row] for row in queries], passed)

    def _embed(
        self, tokens: Sequence[list[int]], passed: Callable[[list[int]], None] = lambda _: None
    ) -> torch.Tensor:
        """Vectors in order, through the network in batches of like length."""
        order, parts = [], []
        for rows in batches([len(ids) for ids in tokens]):
            order += rows
            parts.append(self.encoder.embed([tokens[row] for row in rows]))
            passed([len(tokens[row]) for row in rows])
        return torch.cat(parts)[torch.from_numpy(np.argsort(order))]

    def _some(self, queries: list[int]) -> list[int]:
        if len(queries) <= QUERIES_A_PASSAGE:
            return queries
        chosen = self.random.permutation(len(queries))[:QUERIES_A_PASSAGE]
        return [queries[place] for place in chosen]


class PlainCourse(BothSidesCourse):
    """The same lessons, and nothing of the frozen vectors kept: s(q, d) = e(q)·e(d)."""

    def learning(self, groups: Rows) -> Rows:
        """All: there is no overlay to calibrate."""
        return np.arange(len(groups))

    def _scores(self, queries: Sequence[int], passages: Rows) -> torch.Tensor:
        learned = self._learned(queries)
        return learned @ self._embed([self.passage_tokens[row] for row in passages.tolist()]).T
