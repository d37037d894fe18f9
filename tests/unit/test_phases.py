"""DDR's phases: what learns, what stays closed, and where the router sends whom."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import patience
import pytest
import torch
from conftest import WORDS

from pipeline.encoder import Encoder
from pipeline.experts import prefix
from pipeline.experts.prefix import PrefixExpert
from pipeline.phases import teach_beside, teach_general
from pipeline.router import FROZEN
from pipeline.routing.learned import LearnedRouter
from pipeline.training import Lessons

TEXTS = [" ".join(WORDS[n : n + 6]) for n in range(0, 96, 6)]
EAST = [f"{WORDS[6 * n]} {WORDS[100]} {WORDS[101]}" for n in range(8)]
WEST = [f"{WORDS[6 * n]} {WORDS[110]} {WORDS[111]}" for n in range(8, 16)]


@pytest.fixture(autouse=True)
def small_and_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefix, "TOKENS", 8)
    patience.of(monkeypatch, 30)


@pytest.fixture
def general(tiny_encoder: Encoder) -> Iterator[PrefixExpert]:
    expert = PrefixExpert.new(tiny_encoder, "ddr0", seed=0)
    yield expert
    expert.detach()


def asked(encoder: Encoder, queries: list[str], about: list[int]) -> Lessons:
    vectors = encoder.encode_documents(TEXTS).vectors
    answers = [np.array([row]) for row in about]
    return Lessons(queries, answers, vectors, np.array(about, np.int64))


def test_the_general_prefix_learns_and_nothing_else_moves(
    tiny_encoder: Encoder, general: PrefixExpert
) -> None:
    made = asked(tiny_encoder, EAST + WEST, list(range(16)))
    frozen = tiny_encoder.encode_documents(TEXTS).vectors
    before, rest = general.state(), general.rest_hash()
    told = teach_general(tiny_encoder, general, made, TEXTS, minutes=1, seed=0)
    assert told.losses[-1] < told.losses[0]
    assert general.rest_hash() == rest
    assert any(not torch.equal(before[name], weight) for name, weight in general.state().items())
    assert np.array_equal(tiny_encoder.encode_documents(TEXTS).vectors, frozen)


def test_a_newcomer_learns_beside_what_stays_closed(
    tiny_encoder: Encoder, general: PrefixExpert
) -> None:
    east = PrefixExpert.new(tiny_encoder, "east", seed=1)
    west = PrefixExpert.new(tiny_encoder, "west", seed=2)
    with general.attached():
        passages = tiny_encoder.encode_documents(TEXTS).vectors
    made = asked(tiny_encoder, EAST, list(range(8)))
    _, router = teach_beside(
        tiny_encoder, general, {}, LearnedRouter(), east, made, minutes=1, seed=0
    )
    closed = [general.state(), east.state(), dict(router.rows)]
    made = asked(tiny_encoder, EAST + WEST, list(range(16)))
    told, both = teach_beside(
        tiny_encoder, general, {"east": east}, router, west, made, minutes=1, seed=0
    )
    assert told.losses[-1] < told.losses[0]
    for before, after in zip(closed[:2], (general.state(), east.state()), strict=True):
        assert all(torch.equal(before[name], weight) for name, weight in after.items())
    assert list(both.rows) == ["east", "west"]
    assert np.array_equal(both.rows["east"], router.rows["east"])
    assert np.abs(both.rows["west"]).max() > 0
    with general.attached():
        assert np.array_equal(tiny_encoder.encode_documents(TEXTS).vectors, passages)
    east.detach()
    west.detach()


def test_the_router_keeps_the_best_and_whom_it_may() -> None:
    router = LearnedRouter(
        {"e1": np.array([2.0, 0.0]), "e2": np.array([1.0, 0.0]), "e3": np.array([0, 3.0])}
    )
    [soft] = router.route(np.array([[1.0, 0.0]]))
    assert list(soft) == [FROZEN, "e1", "e2", "e3"]
    assert sum(soft.values()) == pytest.approx(1)
    [top] = router.top(2).route(np.array([[1.0, 0.0]]))
    assert list(top) == [FROZEN, "e1", "e2"]
    assert [top["e1"], top["e2"]] == [soft["e1"], soft["e2"]]
    [prior] = router.route(np.array([[1.0, 0.0]]), allowed=["e3"])
    assert list(prior) == [FROZEN, "e3"]
    assert prior["e3"] == soft["e3"]
    assert sum(prior.values()) == pytest.approx(1)
    assert router.route(np.empty((0, 2))) == []
