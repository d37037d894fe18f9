"""Composed query vectors are what the formula says, and answers what the index finds for them."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from conftest import WORDS

from pipeline.encoder import Encoder, Vectors
from pipeline.experts.lora import LoraExpert
from pipeline.index import Index, Shelf
from pipeline.retriever import Retriever
from pipeline.router import FROZEN, Route, Router

TEXTS = [" ".join(WORDS[n : n + 5]) for n in range(0, 200, 5)]
QUERIES = [" ".join(WORDS[n : n + 3]) for n in range(1, 60, 5)]


def unit(vectors: Vectors) -> Vectors:
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture
def retriever(tiny_encoder: Encoder) -> Iterator[Retriever]:
    """Two experts that learned something, whatever it is; queries of both kinds and of a third."""
    experts = {}
    for seed, name in enumerate(("e1", "e2"), start=1):
        expert = experts[name] = LoraExpert.new(tiny_encoder, name, seed)
        generator = torch.Generator().manual_seed(seed)
        weights = expert.state().items()
        expert.restore({n: torch.randn(w.shape, generator=generator) / 6 for n, w in weights})
    vectors = tiny_encoder.encode_documents(TEXTS).vectors
    shelf = Shelf("s", vectors, np.arange(len(TEXTS) + 1), np.ones(len(TEXTS), bool))
    frozen = tiny_encoder.encode_queries(QUERIES)
    prototypes = {"k1": frozen[:1], "k2": frozen[1:2], "k3": frozen[2:3]}
    router = Router(prototypes, {"k1": "e1", "k2": "e2"}, sharpness=0.01)
    yield Retriever(tiny_encoder, experts, router, Index([shelf]))
    for expert in experts.values():
        expert.detach()


def spoken(retriever: Retriever, name: str) -> Vectors:
    """normalise(f(q) + e(q)) of every query."""
    with retriever.experts[name].attached():
        learned = retriever.encoder.encode_queries(QUERIES)
    return unit(retriever.encoder.encode_queries(QUERIES) + learned)


def composed_by(retriever: Retriever, routes: list[Route]) -> Vectors:
    composition, encoder = retriever.composition, retriever.encoder
    learned = composition.learn(encoder, retriever.experts, QUERIES, routes)
    return composition.mix(encoder.encode_queries(QUERIES), routes, learned)


def test_a_frozen_route_is_the_frozen_vector_to_the_last_bit(retriever: Retriever) -> None:
    frozen = retriever.encoder.encode_queries(QUERIES)
    routes = [{"e1": 1.0}, *[{FROZEN: 1.0}] * (len(QUERIES) - 1)]
    composed = composed_by(retriever, routes)
    assert np.array_equal(composed[1:], frozen[1:])
    assert not np.allclose(composed[0], frozen[0], atol=1e-2)


def test_each_route_mixes_by_its_weights(retriever: Retriever) -> None:
    frozen = retriever.encoder.encode_queries(QUERIES)
    routes = [
        {"e1": 1.0},
        {"e1": 0.5, "e2": 0.5},
        {FROZEN: 0.7, "e2": 0.3},
        {FROZEN: 0.2, "e1": 0.3, "e2": 0.5},
        *[{FROZEN: 1.0}] * (len(QUERIES) - 4),
    ]
    e1, e2 = spoken(retriever, "e1"), spoken(retriever, "e2")
    expected = frozen.copy()
    expected[0] = e1[0]
    expected[1] = 0.5 * e1[1] + 0.5 * e2[1]
    expected[2] = 0.7 * frozen[2] + 0.3 * e2[2]
    expected[3] = 0.2 * frozen[3] + 0.3 * e1[3] + 0.5 * e2[3]
    composed = composed_by(retriever, routes)
    assert np.allclose(composed, unit(expected), atol=1e-5)
    assert not np.allclose(composed[:4], frozen[:4], atol=1e-2)
    assert composed.dtype == np.float32


def test_an_answer_is_what_the_index_finds_for_the_composed_vector(retriever: Retriever) -> None:
    answers = retriever.ask(QUERIES, k=7)
    frozen = retriever.encoder.encode_queries(QUERIES)
    assert answers.routes == retriever.router.route(frozen)
    assert len({frozenset(route) for route in answers.routes}) >= 3
    vectors = composed_by(retriever, answers.routes)
    assert answers.found == retriever.index.search(vectors, 7)
    assert [len(hits) for hits in answers.found] == [7] * len(QUERIES)


def test_known_frozen_vectors_are_not_encoded_again(retriever: Retriever) -> None:
    frozen = retriever.encoder.encode_queries(QUERIES)
    assert retriever.ask(QUERIES, 5, frozen=frozen) == retriever.ask(QUERIES, 5)
    turned = np.roll(frozen, 1, axis=0)
    assert retriever.ask(QUERIES, 5, frozen=turned).routes == retriever.router.route(turned)


def test_the_frozen_floor_asks_no_expert(retriever: Retriever) -> None:
    frozen = retriever.encoder.encode_queries(QUERIES)
    floor = retriever.ask_frozen(QUERIES, 7)
    assert floor.routes == [{FROZEN: 1.0}] * len(QUERIES)
    assert floor.found == retriever.index.search(frozen, 7)
    assert floor.found != retriever.ask(QUERIES, 7).found


def test_the_encoder_is_frozen_again_after_an_answer(retriever: Retriever) -> None:
    frozen = retriever.encoder.encode_queries(QUERIES)
    retriever.ask(QUERIES, 3)
    assert np.array_equal(retriever.encoder.encode_queries(QUERIES), frozen)


def test_an_answer_does_not_depend_on_the_company_of_the_query(retriever: Retriever) -> None:
    together = retriever.ask(QUERIES, 5)
    for row, query in enumerate(QUERIES):
        alone = retriever.ask([query], 5)
        assert [hit.number for hit in alone.found[0]] == [hit.number for hit in together.found[row]]
        assert alone.routes[0] == pytest.approx(together.routes[row], abs=1e-4)


def test_no_question_has_no_answers(retriever: Retriever) -> None:
    assert retriever.ask([], 5).found == retriever.ask_frozen([], 5).found == []
