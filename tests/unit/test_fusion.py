"""Fusion gives each leg its share, and a share is chosen for being robust."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import fusion
from pipeline.documents import REAL, SPAN, Pair
from pipeline.fusion import (
    DEFAULT_SHARE,
    DEPTH,
    FEWEST_QUERIES,
    SHARES,
    best_share,
    fuse,
    ndcg,
    standings,
    weighed,
)
from pipeline.index import Found
from pipeline.measures import per_query
from pipeline.questions import Questions
from pipeline.tried import Heard, each_once, share_of


def leg(scores: dict[int, float], passage: int = 0) -> list[Found]:
    hits = [Found(number, passage, score) for number, score in scores.items()]
    return sorted(hits, key=lambda hit: (-hit.score, hit.number))


# Few different values, so that ties are common.
SCORES = st.dictionaries(st.integers(0, 30), st.integers(1, 9).map(float), max_size=20)
DENSE, LEXICAL = SCORES.map(lambda scores: leg(scores, 7)), SCORES.map(leg)
SHARE = st.sampled_from(SHARES)


@given(DENSE, LEXICAL, SHARE, st.integers(0, 40))
def test_a_fusion_holds_each_document_once_and_best_first(
    dense: list[Found], lexical: list[Found], share: float, k: int
) -> None:
    found = fuse(dense, lexical, share, k)
    numbers = [hit.number for hit in found]
    assert len(set(numbers)) == len(numbers)
    assert found == sorted(found, key=lambda hit: -hit.score)
    if share < 1:
        assert found == sorted(found, key=lambda hit: (-hit.score, hit.number))
    both = {hit.number for hit in [*dense, *lexical]}
    assert set(numbers) <= both
    if share and dense:
        assert len(found) == min(k, len(both))
    near = {hit.number for hit in dense}
    assert all(hit.passage == (7 if hit.number in near else 0) for hit in found)


@given(DENSE, LEXICAL, SHARE, st.integers(0, 40))
def test_fewer_are_the_first_of_more(
    dense: list[Found], lexical: list[Found], share: float, k: int
) -> None:
    assert fuse(dense, lexical, share, k) == fuse(dense, lexical, share, 99)[:k]


@given(DENSE, LEXICAL, SHARE)
def test_a_share_of_nothing_or_all_is_one_leg_as_it_is(
    dense: list[Found], lexical: list[Found], share: float
) -> None:
    if dense:
        assert fuse(dense, lexical, 0.0, 5) == dense[:5]
    named = [(hit.number, hit.score) for hit in lexical[:5]]
    if lexical:
        found = [(hit.number, hit.score) for hit in fuse(dense, lexical, 1.0, 5)]
        assert found[: len(named)] == named
    assert fuse(dense, [], share, 5) == dense[:5]
    assert [(hit.number, hit.score) for hit in fuse([], lexical, share, 5)] == named


@given(DENSE, LEXICAL, SHARE)
def test_only_how_scores_stand_to_each_other_counts(
    dense: list[Found], lexical: list[Found], share: float
) -> None:
    """A leg on another scale is the same leg; the lexical one keeps its zero."""
    scaled = [Found(hit.number, hit.passage, 4 * hit.score + 8) for hit in dense]
    louder = [Found(hit.number, hit.passage, 16 * hit.score) for hit in lexical]
    before, after = fuse(dense, lexical, share, 40), fuse(scaled, louder, share, 40)
    assert {hit.number for hit in before} == {hit.number for hit in after}
    if 0 < share < 1 and dense and lexical:
        scores = {hit.number: hit.score for hit in after}
        assert all(scores[hit.number] == pytest.approx(hit.score, abs=1e-9) for hit in before)


@given(DENSE, LEXICAL, SHARE)
def test_what_the_legs_add_is_the_score(
    dense: list[Found], lexical: list[Found], share: float
) -> None:
    found = fuse(dense, lexical, share, 40)
    told = standings(dense, lexical, share, found)
    assert len(told) == len(found)
    for hit, (near, named) in zip(found, told, strict=True):
        assert near.adds + named.adds == pytest.approx(hit.score)
        for standing, hits in ((near, dense), (named, lexical)):
            if standing.rank is None:
                assert hit.number not in {other.number for other in hits}
            else:
                place = hits[standing.rank - 1]
                assert (place.number, place.score) == (hit.number, standing.score)


def test_where_only_words_count_the_vectors_find_whom_no_word_names() -> None:
    dense, lexical = leg({1: 0.9, 2: 0.8, 3: 0.7, 4: 0.6}, 7), [Found(3, 0, 12.0)]
    found = fuse(dense, lexical, 1.0, 3)
    assert found == [Found(3, 7, 12.0), Found(1, 7, 0.0), Found(2, 7, 0.0)]
    [(_, named), (near, unnamed), _] = standings(dense, lexical, 1.0, found)
    assert (named.rank, named.adds) == (1, 12.0)
    assert (near.rank, near.adds, unnamed.rank, unnamed.adds) == (1, 0.0, None, 0.0)


def test_z_scores_are_those_of_the_depth_best() -> None:
    dense = leg({number: float(-number) for number in range(300)})
    lexical = leg({number: float(number) for number in range(1, 300)})
    both = weighed(dense, lexical)
    assert both.numbers.tolist() == [*range(DEPTH), *range(200, 300)]
    for z, best, rest in (
        (both.dense, slice(0, 100), slice(100, 200)),
        (both.lexical, slice(100, 200), slice(0, 100)),
    ):
        assert z[best].mean() == pytest.approx(0)
        assert z[best].std() == pytest.approx(1)
        assert np.all(z[rest] == z[best].min())
    found = fuse(dense, lexical, 0.5, 1000)
    assert len({hit.number for hit in found}) == len(found) == 300
    assert {hit.number for hit in found[:200]} == set(both.numbers.tolist())
    assert [hit.number for hit in found[200:]] == list(range(100, 200))
    assert found[199].score >= found[200].score == found[-1].score


def test_a_word_that_only_one_document_has_says_much() -> None:
    """The others score zero there: a single hit is no leg without a spread."""
    dense = leg({number: 1 - number / 100 for number in range(100)})
    assert fuse(dense, [Found(60, 0, 3.0)], 0.5, 1)[0].number == 60
    assert fuse(dense, [Found(60, 0, 3.0)], 0.1, 1)[0].number == 0


QUERY = st.tuples(DENSE, LEXICAL, st.sets(st.integers(0, 30), min_size=1, max_size=12))


@given(st.lists(QUERY, min_size=1, max_size=5))
def test_ndcg_is_that_of_what_fuse_would_answer(
    queries: list[tuple[list[Found], list[Found], set[int]]],
) -> None:
    dense, lexical, relevant = (list(column) for column in zip(*queries, strict=True))
    scores = ndcg(dense, lexical, relevant)
    for row, share in enumerate(SHARES):
        found = [
            [hit.number for hit in fuse(near, named, share, 10)] or [-1]
            for near, named in zip(dense, lexical, strict=True)
        ]
        graded = [dict.fromkeys(numbers, 1) for numbers in relevant]
        expected = per_query(graded, found)["nDCG@10"]
        assert scores[row] == pytest.approx(expected)


def asked(
    right_by: list[str], others: int = 40
) -> tuple[list[list[Found]], list[list[Found]], list[set[int]]]:
    """Queries whose answer is first in one leg, and last in the other, which prefers another."""
    rest = {number: 1 + number / 1000 for number in range(2, others)}
    high, low = {0: 5.0, 1: 2.0, **rest}, {0: 0.5, 1: 5.0, **rest}
    dense = [leg(high if by in ("dense", "both") else low) for by in right_by]
    lexical = [leg(high if by in ("lexical", "both") else low) for by in right_by]
    return dense, lexical, [{0}] * len(right_by)


def test_the_leg_that_answers_gets_the_share() -> None:
    assert best_share(*asked(["dense"] * 60)) < 0.5
    assert best_share(*asked(["lexical"] * 60)) > 0.5
    assert best_share(*asked(["both"] * 60)) == DEFAULT_SHARE


def test_of_shares_that_cannot_be_told_apart_the_middle_one_is_chosen() -> None:
    """One query in sixty is no evidence for an extreme."""
    assert best_share(*asked(["both"] * 59 + ["dense"])) == DEFAULT_SHARE
    assert best_share(*asked(["both"] * 59 + ["lexical"])) == DEFAULT_SHARE
    scores = ndcg(*asked(["both"] * 59 + ["dense"]))
    assert scores.mean(axis=1).argmax() < 5


def test_of_two_shares_equally_near_the_middle_the_better_one_is_chosen(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Where one half itself is surely worse, which no real list shows so purely."""
    near, other = SHARES.index(0.4), SHARES.index(0.6)
    for better, worse in ((near, other), (other, near)):
        scores = np.zeros((len(SHARES), FEWEST_QUERIES))
        scores[[better, worse]] = 1.0
        scores[worse, 0] = 0.9
        monkeypatch.setattr(fusion, "ndcg", lambda *_, scores=scores: scores)
        assert best_share([[]], [[]], [{0}] * FEWEST_QUERIES) == SHARES[better]


def test_few_queries_choose_nothing() -> None:
    assert best_share(*asked(["dense"] * (FEWEST_QUERIES - 1))) == DEFAULT_SHARE
    assert best_share(*asked(["dense"] * FEWEST_QUERIES)) != DEFAULT_SHARE
    assert best_share([], [], []) == DEFAULT_SHARE


class Words:
    """A lexical leg that always answers the same, and remembers what it was asked."""

    def __init__(self, found: list[Found]) -> None:
        self.found = found
        self.asked: list[str] = []

    def search(self, queries: list[str], k: int) -> list[list[Found]]:
        self.asked += queries
        return [self.found for _ in queries]


def test_only_people_s_queries_choose_a_share() -> None:
    [dense], [lexical], [relevant] = asked(["lexical"])
    real = [Heard(f"real {n}", True, frozenset(relevant), dense) for n in range(FEWEST_QUERIES)]
    made = [Heard(f"made {n}", False, frozenset(relevant), dense) for n in range(200)]
    words = Words(lexical)
    assert share_of([*made, *real], words) > DEFAULT_SHARE  # type: ignore[arg-type]
    assert words.asked == [one.query for one in real]
    words = Words(lexical)
    assert share_of([*made, *real[1:]], words) == DEFAULT_SHARE  # type: ignore[arg-type]
    assert words.asked == []


def test_a_query_of_several_documents_is_asked_once() -> None:
    pairs = [Pair("a", ("s", "1")), Pair("b", ("s", "1"), SPAN), Pair("a", ("s", "2"), REAL)]
    texts, vectors = each_once(Questions(tuple(pairs), np.arange(6, dtype="f4").reshape(3, 2)))
    assert texts == ["a", "b"]
    assert vectors.tolist() == [[0, 1], [2, 3]]
    assert math.isclose(SHARES[DEPTH // 20], DEFAULT_SHARE)
