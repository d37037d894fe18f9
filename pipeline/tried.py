"""Queries that judge, as one retriever answers them: what they score, and what the words add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

import numpy as np

from pipeline.documents import REAL
from pipeline.encoder import Vectors
from pipeline.fusion import DEFAULT_SHARE, DEPTH, FEWEST_QUERIES, best_share
from pipeline.gains import Gains
from pipeline.index import Found
from pipeline.lexical import Lexical
from pipeline.library import Library
from pipeline.measures import Scores, per_query
from pipeline.questions import Questions
from pipeline.retriever import Retriever


@dataclass(frozen=True)
class Heard:
    """A query, whether a person asked it, what answers it, and what the dense leg finds for it."""

    query: str
    real: bool
    relevant: frozenset[int]
    dense: list[Found]


@dataclass(frozen=True)
class Tried:
    """Queries as a candidate answers them, and what each gains over what is live."""

    heard: tuple[Heard, ...] = ()
    gains: Gains = field(default_factory=Gains.none)

    def __len__(self) -> int:
        return len(self.heard)

    def __add__(self, other: Self) -> Self:
        return type(self)(self.heard + other.heard, self.gains + other.gains)

    @classmethod
    def over(cls, before: Scores, heard: Sequence[Heard]) -> Self:
        """Queries, and how much better they fare than before."""
        relevant = [one.relevant for one in heard]
        return cls(tuple(heard), Gains.of(quality(heard) - before, relevant))


def hear(retriever: Retriever, questions: Questions, library: Library) -> list[Heard]:
    """Each query once, as the dense leg answers it."""
    texts, vectors = each_once(questions)
    if not texts:
        return []
    answers = retriever.ask(texts, DEPTH, frozen=vectors, leg="dense")
    return as_heard(questions, library, texts, answers.found)


def as_heard(
    questions: Questions, library: Library, texts: Sequence[str], dense: Sequence[list[Found]]
) -> list[Heard]:
    """Queries and what was found for them, with what should have been."""
    real = {pair.query for pair in questions.pairs if pair.origin == REAL}
    return [
        Heard(
            text,
            text in real,
            frozenset(library.number_of[key] for key in questions.answers[text]),
            found,
        )
        for text, found in zip(texts, dense, strict=True)
    ]


def quality(asked: Sequence[Heard]) -> Scores:
    """nDCG@10 of each query."""
    if not asked:
        return np.empty(0)
    relevant = [dict.fromkeys(one.relevant, 1) for one in asked]
    found = [[hit.number for hit in one.dense] for one in asked]
    return per_query(relevant, found)["nDCG@10"]


def share_of(asked: Sequence[Heard], lexical: Lexical) -> float:
    """The lexical share that serves these queries; only those that people asked have a say.

    Queries made from the documents repeat their words: keyword search would always win them.
    """
    real = [one for one in asked if one.real]
    if len(real) < FEWEST_QUERIES:
        return DEFAULT_SHARE
    named = lexical.search([one.query for one in real], DEPTH)
    return best_share([one.dense for one in real], named, [one.relevant for one in real])


def each_once(questions: Questions) -> tuple[list[str], Vectors]:
    """Each query once, with its frozen vector."""
    row_of: dict[str, int] = {}
    for row, pair in enumerate(questions.pairs):
        row_of.setdefault(pair.query, row)
    return list(row_of), questions.vectors[list(row_of.values())]
