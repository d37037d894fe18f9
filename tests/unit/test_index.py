"""Search finds what a look at every passage would find, and never a document that is gone."""

from __future__ import annotations

import gc

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shelves import DIMENSION, pairs

from pipeline.encoder import Vectors
from pipeline.index import Index, Shelf


def drawn(count: int, seed: int) -> Vectors:
    """Vectors of small whole numbers: sums are exact, and many scores are equal."""
    values = np.random.default_rng(seed).integers(-2, 3, (count, DIMENSION))
    return values.astype(np.float32)


def shelf(name: str, sizes: list[int], live: list[bool], seed: int) -> Shelf:
    first = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return Shelf(name, drawn(int(first[-1]), seed), first, np.array(live, bool))


def by_looking_at_everything(
    shelves: list[Shelf], queries: Vectors, k: int
) -> list[list[tuple[int, float]]]:
    answers = []
    for query in queries:
        scores: list[tuple[float, int]] = []
        offset = 0
        for one in shelves:
            for row, alive in enumerate(one.live):
                if alive:
                    own = one.vectors[one.first[row] : one.first[row + 1]] @ query
                    scores.append((-float(own.max()), offset + row))
            offset += len(one.live)
        answers.append([(number, -score) for score, number in sorted(scores)[:k]])
    return answers


@st.composite
def collections(draw: st.DrawFn) -> list[Shelf]:
    shelves = []
    for number in range(draw(st.integers(1, 4))):
        documents = draw(st.sampled_from([0, 1, 12, 40]))
        most = draw(st.sampled_from([1, 5]))
        seed, gone = draw(st.integers(0, 999)), draw(st.sampled_from([0.0, 0.3, 1.0]))
        random = np.random.default_rng(seed)
        sizes = random.integers(1, most + 1, documents).tolist()
        live = (random.random(documents) >= gone).tolist()
        shelves.append(shelf(f"s{number}", sizes, live, seed))
    return shelves


@given(collections(), st.integers(0, 40), st.integers(1, 30), st.integers(0, 999))
def test_an_exact_search_is_a_look_at_everything(
    shelves: list[Shelf], k: int, queries: int, seed: int
) -> None:
    index = Index(shelves)
    asked = drawn(queries, seed)
    found = index.search(asked, k)
    assert pairs(found) == by_looking_at_everything(shelves, asked, k)
    assert index.documents == sum(int(one.live.sum()) for one in shelves)


@given(collections(), st.integers(0, 999))
def test_the_passage_of_a_hit_is_its_best_one(shelves: list[Shelf], seed: int) -> None:
    vectors = [
        one.vectors[one.first[row] : one.first[row + 1]]
        for one in shelves
        for row in range(len(one.live))
    ]
    query = drawn(1, seed)
    for hit in Index(shelves).search(query, 50)[0]:
        own = vectors[hit.number] @ query[0]
        assert hit.score == own.max()
        assert hit.passage == own.argmax()


@pytest.mark.parametrize("queries", [1, 30])
@pytest.mark.parametrize("k", [1, 7, 150])
def test_of_equal_documents_those_that_came_first_are_found(k: int, queries: int) -> None:
    same = np.ones((300, DIMENSION), np.float32)
    shelves = [Shelf(name, same, np.arange(301), np.arange(300) % 3 > 0) for name in "ab"]
    first = [number for number in range(600) if number % 300 % 3][:k]
    for hits in Index(shelves).search(same[:queries], k):
        assert [hit.number for hit in hits] == first


def test_a_document_of_many_near_passages_does_not_crowd_out_the_others() -> None:
    query = np.zeros((1, DIMENSION), np.float32)
    query[0, 0] = 1
    near = np.repeat(query, 500, axis=0)
    far = drawn(20, 1) / 10
    far[:, 0] = 0.5
    sizes = [500] + [1] * 20
    first = np.concatenate([[0], np.cumsum(sizes)])
    found = Index([Shelf("s", np.concatenate([near, far]), first, np.ones(21, bool))])
    hits = found.search(query, 10)[0]
    assert [hit.number for hit in hits] == list(range(10))


def test_a_library_of_the_dead_answers_nothing() -> None:
    index = Index([shelf("s", [1, 2], [False, False], 0), shelf("t", [], [], 0)])
    assert index.search(drawn(2, 1), 5) == [[], []]
    assert Index([]).search(drawn(2, 1), 5) == [[], []]
    assert index.documents == 0


def test_tombstones_outlive_the_hands_that_made_them() -> None:
    """FAISS keeps a pointer into the bitmap, so the bitmap must live as long as the index."""
    live = np.arange(4000) % 5 == 0
    index = Index([Shelf("s", drawn(4000, 1), np.arange(4001), live.copy())])
    gc.collect()
    for _ in range(3):
        noise = [np.full(500, 255, np.uint8) for _ in range(2000)]
        hits = index.search(drawn(1, 2), 900)[0]
        del noise
        assert len(hits) == 800
        assert all(live[hit.number] for hit in hits)


def test_a_small_shelf_is_searched_exactly_whatever_is_asked_for() -> None:
    small = shelf("s", [1] * 50, [True] * 50, 0)
    asked = drawn(9, 1)
    assert pairs(Index([small], "HNSW32").search(asked, 9)) == by_looking_at_everything(
        [small], asked, 9
    )
