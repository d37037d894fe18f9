"""Moments merge as if everything had been read at once, and their Gaussian is the usual one."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.covariance import ledoit_wolf

from pipeline.layers import Gaussian, Moments

Points = npt.NDArray[np.float64]


@st.composite
def points(draw: st.DrawFn, fewest: int = 2) -> Points:
    """Correlated points about some place, at some scale."""
    random = np.random.default_rng(draw(st.integers(0, 2**32)))
    count, dimension = draw(st.integers(fewest, 60)), draw(st.integers(1, 6))
    scale, place = draw(st.sampled_from([0.01, 1.0, 100.0])), draw(st.sampled_from([0.0, 3.0]))
    mixing = random.normal(size=(dimension, dimension))
    return scale * (place + random.normal(size=(count, dimension)) @ mixing)


def apart(a: Moments, b: Moments) -> float:
    """The largest difference of any of their sums, relative to the largest number in it."""
    pairs = [(getattr(a, name), getattr(b, name)) for name in ("mean", "scatter", "third")]
    pairs.append((np.array(a.fourth), np.array(b.fourth)))
    size = float(np.abs(a.mean).max() + np.sqrt(np.trace(a.scatter))) + 1e-300
    powers = [1, 2, 3, 4]
    return max(
        float(np.abs(x - y).max()) / size**power
        for (x, y), power in zip(pairs, powers, strict=True)
    )


@given(points(), st.data())
def test_parts_merge_to_the_moments_of_the_whole(whole: Points, data: st.DataObject) -> None:
    places = st.lists(st.integers(0, len(whole)), max_size=4)
    ends = [0, *sorted(data.draw(places)), len(whole)]
    parts = [Moments.of(whole[a:b]) for a, b in pairwise(ends)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merged.merge(part)
    assert merged.count == len(whole)
    assert apart(merged, Moments.of(whole)) < 1e-8


@given(points(), st.randoms(use_true_random=False))
def test_the_order_of_reading_does_not_matter(whole: Points, random: object) -> None:
    order = list(range(len(whole)))
    random.shuffle(order)  # type: ignore[attr-defined]
    assert apart(Moments.of(whole[order]), Moments.of(whole)) < 1e-10


@given(points(), points())
def test_merging_is_symmetric(a: Points, b: Points) -> None:
    width = min(a.shape[1], b.shape[1])
    one, other = Moments.of(a[:, :width]), Moments.of(b[:, :width])
    assert apart(one.merge(other), other.merge(one)) < 1e-10


@given(points())
def test_the_covariance_is_that_of_ledoit_and_wolf(x: Points) -> None:
    expected = ledoit_wolf(x)[0]
    assert np.allclose(Moments.of(x).covariance(), expected, rtol=1e-7, atol=1e-9 * expected.max())


def test_merged_moments_shrink_as_much_as_moments_of_the_whole() -> None:
    x = np.random.default_rng(1).normal(size=(30, 12))
    x[:, 0] *= 5
    merged = Moments.of(x[:11] + 0).merge(Moments.of(x[11:]))
    assert np.allclose(merged.covariance(), ledoit_wolf(x)[0], rtol=1e-9)


@given(points(fewest=8))
def test_the_distance_is_the_logarithm_of_the_mahalanobis_distance(x: Points) -> None:
    moments = Moments.of(x)
    covariance = moments.covariance() + 1e-8 * np.eye(x.shape[1])
    away = x - x.mean(axis=0)
    direct = np.log(np.einsum("ni,ij,nj->n", away, np.linalg.inv(covariance), away) + 1e-12)
    assert np.allclose(Gaussian.fit(moments).distance(x), direct, atol=1e-6)


def test_a_far_point_is_farther_than_a_near_one_even_in_halves() -> None:
    x = np.random.default_rng(2).normal(size=(200, 5))
    line = np.outer([0.5, 1, 2, 4, 8], np.ones(5)).astype(np.float16)
    distances = Gaussian.fit(Moments.of(x)).distance(line)
    assert (np.diff(distances) > 0).all()


@pytest.mark.parametrize(
    "x",
    [np.ones((1, 4)), np.full((50, 4), 0.1), np.random.default_rng(0).normal(size=(3, 40))],
    ids=["one document", "identical documents", "fewer documents than dimensions"],
)
def test_degenerate_sets_have_finite_distances(x: Points) -> None:
    gaussian = Gaussian.fit(Moments.of(x))
    assert np.isfinite(gaussian.distance(np.concatenate([x, x + 1, x * 1e4]))).all()
    assert gaussian.distance(x + 1).min() > gaussian.distance(x).max()


def test_nothing_merges_into_what_was_there() -> None:
    x = np.random.default_rng(3).normal(size=(9, 3))
    nothing = Moments.of(np.empty((0, 3)))
    assert apart(nothing.merge(Moments.of(x)), Moments.of(x)) < 1e-15
    assert apart(Moments.of(x).merge(nothing), Moments.of(x)) < 1e-15
    assert nothing.merge(nothing).count == 0
