"""A head learns on vectors that are there, and rewrites queries and documents alike."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import patience
import pytest
import torch
from conftest import WORDS

from pipeline.encoder import Encoder, Vectors
from pipeline.head import FRESH, Head, train_head
from pipeline.training import Lessons

DOCUMENTS = 90
TAUGHT = [number for number in range(DOCUMENTS) if number % 3]
UNSEEN = [number for number in range(DOCUMENTS) if not number % 3]


def topics(number: int) -> list[str]:
    return random.Random(number).sample(WORDS[:60], 3)


def question(number: int) -> str:
    """The topics of a document, drowned in filler."""
    return " ".join([*random.Random(-number).choices(WORDS[60:70], k=6), *topics(number)])


@pytest.fixture(scope="module")
def documents(shared_encoder: Encoder) -> Vectors:
    texts = [" ".join(topics(number) * 2) for number in range(DOCUMENTS)]
    return shared_encoder.encode_documents(texts).vectors


@pytest.fixture
def lessons(documents: Vectors) -> Lessons:
    rows = np.arange(len(TAUGHT))
    return Lessons(
        [question(number) for number in TAUGHT],
        [np.array([row]) for row in rows],
        documents[TAUGHT],
        rows,
    )


def rank(queries: Vectors, documents: Vectors, right: list[int]) -> float:
    """Mean reciprocal rank."""
    scores = queries @ documents.T
    own = scores[np.arange(len(right)), right][:, None]
    return float((1 / (1 + (scores > own).sum(axis=1))).mean())


def test_queries_find_documents_better_also_those_that_no_one_taught(
    tiny_encoder: Encoder, documents: Vectors, lessons: Lessons, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience.of(monkeypatch, 100)
    head = Head.new(tiny_encoder.dimension, seed=0)

    def ranks() -> list[float]:
        return [
            rank(
                head.rewrite(tiny_encoder.encode_queries([question(n) for n in numbers])),
                head.rewrite(documents),
                numbers,
            )
            for numbers in (TAUGHT, UNSEEN)
        ]

    before = ranks()
    told = train_head(tiny_encoder, head, lessons, minutes=5, seed=0)
    assert ranks()[0] > before[0] + 0.2
    assert ranks()[1] > before[1] + 0.05
    assert told.losses[-1] < told.losses[0]
    assert told.queries == len(TAUGHT)
    assert not told.stopped_early


def test_rewritten_vectors_have_length_one_and_depend_on_nothing_else(documents: Vectors) -> None:
    head = Head.new(32, seed=0)
    head.weights["w2"] = head.weights["w2"] / FRESH
    rewritten = head.rewrite(documents)
    assert np.linalg.norm(rewritten, axis=1) == pytest.approx(np.ones(DOCUMENTS), abs=1e-5)
    assert not np.allclose(rewritten, documents, atol=0.1)
    assert np.allclose(head.rewrite(documents[7:8]), rewritten[7:8], atol=1e-6)
    assert head.rewrite(documents[:0]).shape == (0, 32)


def test_many_vectors_are_rewritten_a_part_at_a_time(
    documents: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = Head.new(32, seed=0)
    whole = head.rewrite(documents)
    monkeypatch.setattr("pipeline.head.AT_ONCE", 7)
    assert np.allclose(head.rewrite(documents), whole, atol=1e-6)


def test_the_seed_decides_everything(tiny_encoder: Encoder, lessons: Lessons) -> None:
    heads = []
    for seed in (1, 1, 2):
        head = Head.new(tiny_encoder.dimension, seed)
        train_head(tiny_encoder, head, lessons, minutes=5, seed=seed)
        heads.append(head.state())
    assert all(torch.equal(heads[0][name], heads[1][name]) for name in heads[0])
    assert not torch.equal(heads[0]["w1"], heads[2]["w1"])


def test_a_head_comes_back_from_its_folder(documents: Vectors, tmp_path: Path) -> None:
    head = Head.new(32, seed=3)
    head.save(tmp_path)
    again = Head.load(tmp_path)
    assert np.array_equal(again.rewrite(documents), head.rewrite(documents))
    assert again.parameter_count == head.parameter_count == 2 * 32 * 16 + 16 + 32


def test_nothing_of_the_encoder_is_opened(tiny_encoder: Encoder, lessons: Lessons) -> None:
    train_head(tiny_encoder, Head.new(32, seed=0), lessons, minutes=5, seed=0)
    assert not any(weight.requires_grad for weight in tiny_encoder.model.parameters())
