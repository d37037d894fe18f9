"""Teaching changes the expert for the better, and nothing but the expert."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import patience
import pytest
import torch
from conftest import WORDS

from pipeline import training
from pipeline.encoder import Encoder, Vectors
from pipeline.experts.lora import LoraExpert
from pipeline.experts.still import StillExpert
from pipeline.training import BATCH, TEMPERATURE, Lessons, Training, train

TOPICS, FILLER = WORDS[:60], WORDS[100:110]
DOCUMENTS = 100


def question(number: int) -> str:
    """The topics of a document, drowned in filler that says nothing."""
    choose = random.Random(f"question {number}")
    return " ".join([*choose.choices(FILLER, k=8), *topics(number)])


def topics(number: int) -> list[str]:
    return random.Random(f"topics {number}").sample(TOPICS, 3)


@pytest.fixture(scope="session")
def documents(shared_encoder: Encoder) -> Vectors:
    texts = [" ".join(topics(number) * 2) for number in range(DOCUMENTS)]
    return shared_encoder.encode_documents(texts).vectors


@pytest.fixture
def lessons(documents: Vectors) -> Lessons:
    """Two thirds of the documents, each asked about once."""
    taught = [number for number in range(DOCUMENTS) if number % 3]
    return Lessons(
        [question(number) for number in taught],
        [np.array([row]) for row in range(len(taught))],
        documents[taught],
        np.arange(len(taught)),
    )


@pytest.fixture
def expert(tiny_encoder: Encoder) -> Iterator[LoraExpert]:
    expert = LoraExpert.new(tiny_encoder, "e1", seed=1)
    yield expert
    expert.detach()


def taught(expert: LoraExpert, lessons: Lessons, minutes: float = 5, seed: int = 0) -> Training:
    return train(expert.encoder, expert, lessons, minutes=minutes, seed=seed)


def composed(expert: LoraExpert, queries: list[str]) -> Vectors:
    frozen = expert.encoder.encode_queries(queries)
    with expert.attached():
        together = frozen + expert.encoder.encode_queries(queries)
    return together / np.linalg.norm(together, axis=1, keepdims=True)


def mean_reciprocal_rank(vectors: Vectors, documents: Vectors, right: list[int]) -> float:
    scores = vectors @ documents.T
    own = scores[np.arange(len(right)), right][:, None]
    return float((1 / (1 + (scores > own).sum(axis=1))).mean())


def test_queries_find_their_documents_better_also_those_that_no_one_taught(
    expert: LoraExpert, lessons: Lessons, documents: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience.of(monkeypatch, 16)
    seen = [number for number in range(DOCUMENTS) if number % 3]
    unseen = [number for number in range(DOCUMENTS) if not number % 3]

    def ranks() -> list[float]:
        return [
            mean_reciprocal_rank(
                composed(expert, [question(n) for n in numbers]), documents, numbers
            )
            for numbers in (seen, unseen)
        ]

    before = ranks()
    course = training._Course(expert.encoder, lessons, seed=0)
    with torch.no_grad(), expert.attached():
        loss_before = float(course.loss(course.rows))
    report = taught(expert, lessons)
    with torch.no_grad(), expert.attached():
        loss_after = float(course.loss(course.rows))
    assert loss_after < loss_before - 0.5
    assert ranks()[0] > before[0] + 0.2
    assert ranks()[1] > before[1] + 0.05
    assert report.queries == len(course.rows) == 66
    assert len(report.losses) == 16
    assert report.losses[-1] < report.losses[0]
    assert report.steps == 16 * 3
    assert not report.stopped_early


def test_a_share_of_what_was_learned_is_kept(
    tiny_encoder: Encoder, lessons: Lessons, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = LoraExpert.new(tiny_encoder, "e0", seed=1).state()
    learned = {}
    for kept in (1.0, 0.5):
        monkeypatch.setattr(training, "KEPT", kept)
        expert = LoraExpert.new(tiny_encoder, "e1", seed=1)
        taught(expert, lessons)
        learned[kept] = expert.state()
        expert.detach()
    for name, weight in learned[1.0].items():
        assert torch.allclose(learned[0.5][name], (start[name] + weight) / 2, atol=1e-6)
    LoraExpert(tiny_encoder, "e0").detach()


def test_each_query_comes_once_an_epoch_among_others_of_its_length(
    tiny_encoder: Encoder, lessons: Lessons
) -> None:
    course = training._Course(tiny_encoder, lessons, seed=0)
    random = np.random.default_rng(0)
    course.lengths = random.integers(3, 60, len(course.rows))
    course.batch = 4
    rows = random.permutation(course.rows)
    dealt = course.deal(rows)
    assert sorted(np.concatenate(dealt).tolist()) == course.rows.tolist()
    assert len(dealt) == -(-len(rows) // 4)
    assert max(map(len, dealt)) <= 4

    def padded(batches: list[np.ndarray]) -> int:
        return sum(len(batch) * int(course.lengths[batch].max()) for batch in batches)

    assert padded(dealt) < 1.3 * course.lengths.sum() < padded(training.even(rows, 4))


def test_nothing_but_the_expert_changes(tiny_encoder: Encoder, lessons: Lessons) -> None:
    other = LoraExpert.new(tiny_encoder, "e0", seed=3)
    expert = LoraExpert.new(tiny_encoder, "e1", seed=1)
    frozen, rest, born = tiny_encoder.encode_queries(WORDS), expert.rest_hash(), expert.state()
    taught(expert, lessons)
    assert expert.rest_hash() == rest
    assert np.array_equal(tiny_encoder.encode_queries(WORDS), frozen)
    assert all(not torch.equal(weight, born[name]) for name, weight in expert.state().items())
    assert not any(parameter.requires_grad for parameter in tiny_encoder.adapted.parameters())
    expert.detach()
    other.detach()


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(
    tiny_encoder: Encoder, lessons: Lessons
) -> None:
    states = []
    for seed in (4, 4, 5):
        expert = LoraExpert.new(tiny_encoder, "e1", seed=1)
        taught(expert, lessons, seed=seed)
        states.append(expert.state())
        expert.detach()
        torch.rand(3)  # what others draw must not matter
    first, again, other = states
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert all(not torch.equal(first[name], other[name]) for name in first)


def test_training_ends_when_its_time_is_up(expert: LoraExpert, lessons: Lessons) -> None:
    report = taught(expert, lessons, minutes=0)
    assert report.stopped_early
    assert report.steps == 1
    assert len(report.losses) == 1


def few_lessons(documents: Vectors, answers: list[list[int]]) -> Lessons:
    queries = [question(number) for number in range(len(answers))]
    rows = [np.array(found) for found in answers]
    return Lessons(queries, rows, documents[:6].copy(), np.arange(len(answers)))


def by_hand(queries: Vectors, candidates: Vectors, answers: list[list[int]]) -> float:
    """-log of the best answer's softmax share, the query's other answers left out of the sum."""
    losses = []
    for query, own in zip(queries.astype(np.float64), answers, strict=True):
        logits = candidates.astype(np.float64) @ query / TEMPERATURE
        best = max(own, key=lambda row: logits[row])
        counted = [row for row in range(len(candidates)) if row == best or row not in own]
        losses.append(np.log(np.exp(logits[counted] - logits[best]).sum()))
    return float(np.mean(losses))


def test_the_loss_is_the_formula_and_leaves_out_other_known_answers(
    tiny_encoder: Encoder, documents: Vectors
) -> None:
    answers = [[0], [1, 4], [2, 3, 5]]
    lessons = few_lessons(documents, answers)
    course = training._Course(tiny_encoder, lessons, seed=0)
    # Through an expert that changes nothing, q = normalise(frozen + frozen) = frozen.
    with StillExpert.new(tiny_encoder, "e1", seed=0).attached():
        loss = float(course.loss(np.arange(3)))
    queries = tiny_encoder.encode_queries(lessons.queries)
    assert loss == pytest.approx(by_hand(queries, lessons.candidates, answers), abs=1e-4)
    unmasked = by_hand(queries, lessons.candidates, [[0], [1], [2]])
    assert abs(loss - unmasked) > 0.01


def test_the_loss_takes_the_sum_of_frozen_and_learned(
    expert: LoraExpert, documents: Vectors
) -> None:
    answers = [[0], [1], [2]]
    lessons = few_lessons(documents, answers)
    taught(expert, lessons)
    course = training._Course(expert.encoder, lessons, seed=0)
    with expert.attached(), torch.no_grad():
        loss = float(course.loss(np.arange(3)))
    queries = composed(expert, list(lessons.queries))
    assert loss == pytest.approx(by_hand(queries, lessons.candidates, answers), abs=1e-4)


def test_where_candidates_are_sampled_the_answers_are_among_them(
    tiny_encoder: Encoder, documents: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "MOST_CANDIDATES", 8)
    answers: list[npt.NDArray[np.int64]] = [np.array([row, 99 - row]) for row in range(30)]
    queries = [question(number) for number in range(30)]
    course = training._Course(
        tiny_encoder, Lessons(queries, answers, documents, np.arange(30)), seed=0
    )
    seen = set()
    for start in range(0, 30, 3):
        rows = np.arange(start, start + 3)
        columns, place = course.sampled(rows)
        own = torch.from_numpy(np.concatenate([answers[row] for row in rows]))
        assert torch.equal(columns[place[own]], own)
        assert 8 <= len(columns) <= 8 + 6
        seen.update(columns.tolist())
        with StillExpert.new(tiny_encoder, "e1", seed=0).attached():
            assert torch.isfinite(course.loss(rows))
    assert len(seen) > 60


def test_with_few_candidates_all_of_them_count(tiny_encoder: Encoder, documents: Vectors) -> None:
    course = training._Course(tiny_encoder, few_lessons(documents, [[0], [1]]), seed=0)
    columns, place = course.sampled(np.array([0]))
    assert columns.tolist() == place.tolist() == list(range(6))


def test_a_single_lesson_can_be_taught(expert: LoraExpert, documents: Vectors) -> None:
    report = taught(expert, few_lessons(documents, [[0]]))
    assert (report.queries, report.steps) == (1, LoraExpert.epochs)
    assert len(report.losses) == LoraExpert.epochs


def test_the_learning_rate_warms_up_and_decays_to_nothing() -> None:
    rates = [training._schedule(step, 100) for step in range(101)]
    assert rates[9] == max(rates) == 1.0
    assert all(a < b for a, b in itertools.pairwise(rates[:10]))
    assert all(a > b for a, b in itertools.pairwise(rates[10:]))
    assert rates[0] > 0
    assert rates[100] == 0


def test_progress_is_told_to_the_end(expert: LoraExpert, lessons: Lessons) -> None:
    told: list[tuple[str, int, int]] = []
    train(
        expert.encoder,
        expert,
        lessons,
        minutes=0,
        seed=0,
        progress=lambda *state: told.append(state),
    )
    total = LoraExpert.epochs * -(-66 // BATCH)
    assert told[0] == ("training e1", 1, total)
    assert told[-1] == ("training e1", total, total)
