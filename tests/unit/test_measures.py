"""Measures agree with hand-made values, and intervals cover what they promise to."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline import measures
from pipeline.measures import MEASURES, interval, per_query


def dcg(gains: list[float]) -> float:
    return sum(gain / math.log2(rank + 2) for rank, gain in enumerate(gains))


@pytest.mark.parametrize(
    ("grades", "found", "ndcg", "recall", "rank"),
    [
        ({1: 1}, [1, 2, 3], 1.0, 1.0, 1.0),
        ({3: 1}, [1, 2, 3], 1 / 2, 1.0, 1 / 3),
        ({1: 1, 9: 1}, [1, 2, 3], 1 / dcg([1, 1]), 0.5, 1.0),
        ({1: 1, 2: 3}, [1, 5, 2], dcg([1, 0, 3]) / dcg([3, 1]), 1.0, 1.0),
        ({11: 1}, list(range(1, 12)), 0.0, 1.0, 0.0),
        ({7: 1}, [1, 2], 0.0, 0.0, 0.0),
        ({7: 1}, [], 0.0, 0.0, 0.0),
    ],
    ids=["first", "third", "one of two", "graded", "eleventh", "not found", "nothing found"],
)
def test_measures_of_one_query_are_those_made_by_hand(
    grades: dict[int, int], found: list[int], ndcg: float, recall: float, rank: float
) -> None:
    scores = per_query([grades], [found])
    assert list(scores) == list(MEASURES)
    assert scores["nDCG@10"].tolist() == pytest.approx([ndcg])
    assert scores["R@100"].tolist() == pytest.approx([recall])
    assert scores["MRR@10"].tolist() == pytest.approx([rank])


def test_every_query_has_its_own_place_whatever_was_found() -> None:
    relevant = [{query: 1} for query in range(12)]
    found = [[query] if query % 3 else [] for query in range(12)]
    for scores in per_query(relevant, found).values():
        assert scores.tolist() == [float(query % 3 > 0) for query in range(12)]


def test_the_order_found_counts_not_the_documents_names() -> None:
    scores = per_query([{10: 1}, {9: 1}], [[10, 9], [10, 9]])["MRR@10"]
    assert scores.tolist() == [1.0, 0.5]


def test_no_queries_have_no_scores() -> None:
    assert all(scores.shape == (0,) for scores in per_query([], []).values())


@settings(max_examples=8)
@given(st.lists(st.floats(-1, 1), min_size=1, max_size=40), st.sampled_from([0.5, 0.9, 0.95]))
def test_an_interval_lies_within_the_values_and_grows_with_confidence(
    values: list[float], confidence: float
) -> None:
    scores = np.array(values)
    low, high = interval(scores, confidence)
    assert scores.min() - 1e-12 <= low <= high <= scores.max() + 1e-12
    wider_low, wider_high = interval(scores, 0.99)
    assert wider_low <= low + 1e-12
    assert high <= wider_high + 1e-12
    assert (low, high) == interval(scores, confidence)


def test_an_interval_covers_the_true_mean_as_often_as_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measures, "RESAMPLES", 400)
    random = np.random.default_rng(0)
    covered = 0
    for _ in range(120):
        low, high = interval(random.normal(0.3, 0.2, 60), 0.90)
        covered += low <= 0.3 <= high
    assert 95 <= covered <= 118


def test_more_queries_narrow_the_interval() -> None:
    values = np.random.default_rng(0).normal(size=800)
    (low, high), (few_low, few_high) = interval(values, 0.9), interval(values[:50], 0.9)
    assert high - low < (few_high - few_low) / 2


def test_the_interval_of_nothing_is_zero() -> None:
    assert interval(np.empty(0), 0.9) == (0.0, 0.0)
