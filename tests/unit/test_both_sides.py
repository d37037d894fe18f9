"""Teaching both sides moves queries and their documents together, and nothing but the expert."""

from __future__ import annotations

import random
from collections.abc import Iterator

import numpy as np
import patience
import pytest
import torch
from conftest import WORDS

from pipeline import both_sides
from pipeline.both_sides import TEMPERATURE, BothSidesCourse, estimate, train_both
from pipeline.encoder import Encoder, Vectors
from pipeline.experts.lora import LoraExpert
from pipeline.training import Lessons, Training

TOPICS, FILLER = WORDS[:60], WORDS[100:110]
DOCUMENTS = 90
TEXTS = [" ".join(random.Random(f"topics {n}").sample(TOPICS, 3) * 2) for n in range(DOCUMENTS)]


def question(number: int, wording: int = 0) -> str:
    """The topics of a document, drowned in filler that says nothing."""
    choose = random.Random(f"question {number} {wording}")
    return " ".join([*choose.choices(FILLER, k=8), *TEXTS[number].split()[:3]])


@pytest.fixture(scope="session")
def documents(shared_encoder: Encoder) -> Vectors:
    return shared_encoder.encode_documents(TEXTS).vectors


@pytest.fixture
def expert(tiny_encoder: Encoder) -> Iterator[LoraExpert]:
    expert = LoraExpert.new(tiny_encoder, "e1", seed=1)
    yield expert
    expert.detach()


TAUGHT = [number for number in range(DOCUMENTS) if number % 3]
UNSEEN = [number for number in range(DOCUMENTS) if not number % 3]


def lessons_on(documents: Vectors, numbers: list[int], wordings: int = 2) -> Lessons:
    rows = [row for row in range(len(numbers)) for _ in range(wordings)]
    return Lessons(
        [question(number, wording) for number in numbers for wording in range(wordings)],
        [np.array([row]) for row in rows],
        documents[numbers],
        np.array(rows),
    )


def taught(expert: LoraExpert, documents: Vectors, minutes: float = 5, seed: int = 0) -> Training:
    lessons = lessons_on(documents, TAUGHT)
    texts = [TEXTS[number] for number in TAUGHT]
    return train_both(expert.encoder, expert, lessons, texts, minutes=minutes, seed=seed)


def scores(expert: LoraExpert, numbers: list[int], documents: Vectors) -> Vectors:
    """½ f·f + ½ e·e of the questions about these and of all documents."""
    asked = [question(number) for number in numbers]
    frozen = expert.encoder.encode_queries(asked)
    with expert.attached():
        learned = expert.encoder.encode_queries(asked)
        rewritten = expert.encoder.encode_documents(TEXTS).vectors
    return (frozen @ documents.T + learned @ rewritten.T) / 2


def mean_reciprocal_rank(found: Vectors, right: list[int]) -> float:
    own = found[np.arange(len(right)), right][:, None]
    return float((1 / (1 + (found > own).sum(axis=1))).mean())


def test_queries_and_documents_meet_also_those_that_no_one_taught(
    expert: LoraExpert, documents: Vectors, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience.of(monkeypatch, 12)
    monkeypatch.setattr(BothSidesCourse, "batch", 8)
    before = [mean_reciprocal_rank(scores(expert, n, documents), n) for n in (TAUGHT, UNSEEN)]
    report = taught(expert, documents)
    after = [mean_reciprocal_rank(scores(expert, n, documents), n) for n in (TAUGHT, UNSEEN)]
    assert after[0] > before[0] + 0.2
    assert after[1] > before[1] + 0.05
    assert report.queries == 2 * 54
    assert report.steps == 12 * 7
    assert not report.stopped_early


def test_nothing_but_the_expert_changes(tiny_encoder: Encoder, documents: Vectors) -> None:
    other = LoraExpert.new(tiny_encoder, "e0", seed=3)
    expert = LoraExpert.new(tiny_encoder, "e1", seed=1)
    frozen, rest, born = tiny_encoder.encode_queries(WORDS), expert.rest_hash(), expert.state()
    taught(expert, documents)
    assert expert.rest_hash() == rest
    assert np.array_equal(tiny_encoder.encode_queries(WORDS), frozen)
    assert all(not torch.equal(weight, born[name]) for name, weight in expert.state().items())
    assert not any(parameter.requires_grad for parameter in tiny_encoder.adapted.parameters())
    expert.detach()
    other.detach()


def test_the_same_seed_gives_the_same_bits_and_another_seed_others(
    tiny_encoder: Encoder, documents: Vectors
) -> None:
    states = []
    for seed in (4, 4, 5):
        expert = LoraExpert.new(tiny_encoder, "e1", seed=1)
        taught(expert, documents, seed=seed)
        states.append(expert.state())
        expert.detach()
        torch.rand(3)  # what others draw must not matter
    first, again, other = states
    assert all(torch.equal(first[name], again[name]) for name in first)
    assert all(not torch.equal(first[name], other[name]) for name in first)


def test_training_ends_when_its_time_is_up(expert: LoraExpert, documents: Vectors) -> None:
    report = taught(expert, documents, minutes=0)
    assert report.stopped_early
    assert report.steps == 1


def test_an_estimate_leaves_the_expert_as_it_was(expert: LoraExpert, documents: Vectors) -> None:
    born, texts = expert.state(), [TEXTS[number] for number in TAUGHT]
    seconds = estimate(expert.encoder, expert, lessons_on(documents, TAUGHT), texts, seed=0)
    assert seconds > 0
    assert all(torch.equal(weight, born[name]) for name, weight in expert.state().items())
    for parameter in expert.encoder.adapted.parameters():
        assert parameter.grad is None
        assert not parameter.requires_grad


def by_hand(found: Vectors, answers: list[list[int]], targets: list[int]) -> float:
    """-log of the target's softmax share, the query's other answers left out of the sum."""
    losses = []
    for line, own, target in zip(found / TEMPERATURE, answers, targets, strict=True):
        counted = [row for row in range(len(line)) if row == target or row not in own]
        losses.append(np.log(np.exp(line[counted] - line[target]).sum()))
    return float(np.mean(losses))


def test_the_loss_is_the_formula_and_leaves_out_other_known_answers(
    expert: LoraExpert, documents: Vectors
) -> None:
    taught(expert, documents)
    answers = [[0], [1, 4], [2, 3]]
    lessons = Lessons(
        [question(number) for number in range(3)],
        [np.array(own) for own in answers],
        documents[:5],
        np.arange(3),
    )
    course = BothSidesCourse(expert.encoder, lessons, TEXTS[:5], seed=0)
    near = course.frozen.numpy() @ documents[:5].T
    targets = [max(own, key=lambda row: near[query, row]) for query, own in enumerate(answers)]
    assert course.rows.tolist() == sorted(targets)
    with torch.no_grad(), expert.attached():
        loss = float(course.loss(np.arange(5)[np.isin(np.arange(5), targets)]))
    found = scores(expert, [0, 1, 2], documents)[:, sorted(targets)]
    place = {row: n for n, row in enumerate(sorted(targets))}
    own = [[place[row] for row in some if row in place] for some in answers]
    assert loss == pytest.approx(by_hand(found, own, [place[t] for t in targets]), abs=1e-4)


def test_another_answer_in_the_batch_is_not_a_wrong_one(
    tiny_encoder: Encoder, documents: Vectors
) -> None:
    def loss(answers: list[list[int]]) -> float:
        lessons = Lessons(
            [TEXTS[0], TEXTS[1]], [np.array(own) for own in answers], documents[:2], np.arange(2)
        )
        course = BothSidesCourse(tiny_encoder, lessons, TEXTS[:2], seed=0)
        with torch.no_grad():
            return float(course.loss(np.arange(2)))

    assert loss([[0, 1], [0, 1]]) == pytest.approx(0.0, abs=1e-6)
    assert loss([[0], [1]]) > 1e-3


def test_a_passage_asks_a_few_of_its_queries_at_a_time(
    tiny_encoder: Encoder, documents: Vectors
) -> None:
    lessons = lessons_on(documents, TAUGHT, wordings=9)
    course = BothSidesCourse(tiny_encoder, lessons, [TEXTS[n] for n in TAUGHT], seed=0)
    asked = course.asked[int(course.rows[0])]
    assert len(asked) == 9
    drawn = [course._some(asked) for _ in range(20)]
    assert {len(some) for some in drawn} == {both_sides.QUERIES_A_PASSAGE}
    assert set().union(*drawn) == set(asked)


def test_documents_that_calibrate_do_not_teach(tiny_encoder: Encoder, documents: Vectors) -> None:
    lessons = lessons_on(documents, TAUGHT)
    course = BothSidesCourse(tiny_encoder, lessons, [TEXTS[n] for n in TAUGHT], seed=0)
    _, rows = both_sides.split(lessons.groups, np.random.default_rng(0))
    held = {int(lessons.groups[row]) for row in rows}
    assert len(held) == len(TAUGHT) // 10
    assert not held & set(course.rows.tolist())


def test_a_single_lesson_can_be_taught(expert: LoraExpert, documents: Vectors) -> None:
    lessons = lessons_on(documents, [0], wordings=1)
    report = train_both(expert.encoder, expert, lessons, TEXTS[:1], minutes=5, seed=0)
    assert (report.queries, report.steps) == (1, type(expert).epochs)
