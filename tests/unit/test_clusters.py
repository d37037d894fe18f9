"""Clusters: whatever a night is cut into, text of one kind comes out in one piece."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.clusters import MOST_CLUSTERS, SMALLEST_CLUSTER, Rows, cut, join
from pipeline.kinds import Layers


def blob(count: int, seed: int, shift: float = 0.0) -> Layers:
    drawn = np.random.default_rng(seed).normal(size=(count, 2, 16)) + shift
    return drawn.astype(np.float16)


def groups_for(features: Layers) -> npt.NDArray[np.uint64]:
    return np.random.default_rng(0).integers(0, 2**60, len(features), np.uint64)


def found(features: Layers, seed: int = 0) -> list[Rows]:
    return join(cut(features, seed), features, groups_for(features))


def as_lists(clusters: Sequence[Rows]) -> list[list[int]]:
    return [rows.tolist() for rows in clusters]


@pytest.mark.parametrize("count", [60, 150, 300])
def test_one_kind_comes_out_whole_though_it_was_cut(count: int) -> None:
    features = blob(count, seed=1)
    assert len(cut(features, 0)) > 1
    assert as_lists(found(features)) == [list(range(count))]


@pytest.mark.parametrize("shift", [1.5, 4.0])
def test_two_kinds_come_out_as_two_the_larger_first(shift: float) -> None:
    features = np.concatenate([blob(90, seed=1), blob(150, seed=2, shift=shift)])
    assert as_lists(found(features)) == [list(range(90, 240)), list(range(90))]


def test_three_kinds_come_out_as_three() -> None:
    features = np.concatenate([blob(120, seed=n, shift=3.0 * n) for n in range(3)])
    assert sorted(as_lists(found(features))) == [
        list(range(start, start + 120)) for start in (0, 120, 240)
    ]


@settings(max_examples=20)
@given(st.integers(1, 160), st.integers(0, 100), st.floats(0, 3), st.integers(0, 100))
def test_every_row_is_in_exactly_one_cluster(
    count: int, others: int, shift: float, seed: int
) -> None:
    features = np.concatenate([blob(count, seed), blob(others, seed + 1, shift)])
    for clusters in (cut(features, seed), found(features, seed)):
        assert sorted(row for rows in clusters for row in rows) == list(range(len(features)))
        assert all(len(rows) and (np.diff(rows) > 0).all() for rows in clusters)
    assert len(cut(features, seed)) <= MOST_CLUSTERS


def test_a_handful_of_documents_goes_to_its_own_kind_and_judges_no_other() -> None:
    features = np.concatenate([blob(60, seed=1), blob(63, seed=2, shift=2.0)])
    handful, here, there = np.arange(60, 63), np.arange(60), np.arange(63, 123)
    joined = join([handful, here, there], features, groups_for(features))
    assert as_lists(joined) == [list(range(60, 123)), list(range(60))]


def test_the_same_night_is_always_sorted_the_same() -> None:
    features = np.concatenate([blob(100, seed=1), blob(100, seed=2, shift=1.0)])
    assert as_lists(cut(features, 3)) == as_lists(cut(features, 3))
    assert as_lists(found(features, 3)) == as_lists(found(features, 3))


@pytest.mark.parametrize("count", [1, SMALLEST_CLUSTER, 2 * SMALLEST_CLUSTER - 1])
def test_a_small_night_is_not_cut(count: int) -> None:
    assert as_lists(cut(blob(count, seed=1), 0)) == [list(range(count))]


def test_identical_documents_are_one_kind() -> None:
    features = np.repeat(blob(1, seed=1), 100, axis=0)
    assert as_lists(found(features)) == [list(range(100))]


def test_joining_nothing_is_nothing() -> None:
    features = blob(10, seed=1)
    assert join([], features, groups_for(features)) == []
