"""What the systems beside ours learn from: the real pairs of nights, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

from bench.quality.cache import CachedEncoder
from bench.quality.stream import Night
from pipeline.composition.base import Composition
from pipeline.composition.methods import HALVES
from pipeline.documents import Pair
from pipeline.experts.base import Expert
from pipeline.lessons import lessons
from pipeline.library import Library
from pipeline.questions import Questions
from pipeline.training import train

ENOUGH = 20
"""Real pairs; with fewer a night teaches nobody."""
LONG = 24 * 60.0
"""Minutes that a night may train where time is not to decide."""


def questions_of(night: Night, library: Library, encoder: CachedEncoder) -> Questions:
    """A night's training pairs about documents that are there."""
    pairs = tuple(
        Pair(query.text, key)
        for _, query in night.pairs
        for key, grade in query.grades.items()
        if grade > 0 and key in library.number_of
    )
    return Questions(pairs, encoder.encode_queries([pair.query for pair in pairs]))


def teach(
    encoder: CachedEncoder,
    expert: Expert,
    questions: Questions,
    library: Library,
    seed: int,
    composition: Composition = HALVES,
) -> None:
    """The product's own training, on all of these pairs."""
    made = lessons(questions, library)
    train(encoder, expert, made, minutes=LONG, seed=seed, composition=composition)


@contextmanager
def charged(encoder: CachedEncoder, seconds: dict[str, float], step: str) -> Iterator[None]:
    """Charge a step with the CPU seconds spent inside, those that the cache saved included."""
    began, saved = time.process_time(), encoder.saved
    yield
    spent = time.process_time() - began + encoder.saved - saved
    seconds[step] = seconds.get(step, 0.0) + spent
