"""One battery for every routing rule."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from pipeline.routing.margin import MARGIN, margin
from pipeline.routing.methods import RULES

each = pytest.mark.parametrize("name", RULES)
SIMILARITIES = st.tuples(st.integers(0, 6), st.integers(1, 5)).flatmap(
    lambda shape: arrays(np.float64, shape, elements=st.floats(-1, 1))
)


@each
@given(similarity=SIMILARITIES, sharpness=st.sampled_from([0.001, 0.05, 1.0]))
def test_weights_are_shares(name: str, similarity: np.ndarray, sharpness: float) -> None:
    weights = RULES[name](similarity, sharpness)
    assert weights.shape == similarity.shape
    assert (weights >= 0).all()
    assert weights.sum(axis=1) == pytest.approx(np.ones(len(similarity)))


@each
@given(similarity=SIMILARITIES)
def test_no_kind_weighs_more_than_the_nearest(name: str, similarity: np.ndarray) -> None:
    weights = RULES[name](similarity, 0.05)
    for line, given_ in zip(weights, similarity, strict=True):
        assert line[given_.argmax()] == pytest.approx(line.max())


@each
def test_each_query_is_weighed_by_itself(name: str) -> None:
    similarity = np.random.default_rng(0).uniform(-1, 1, (20, 4))
    together = RULES[name](similarity, 0.05)
    alone = np.concatenate([RULES[name](line[None], 0.05) for line in similarity])
    assert together == pytest.approx(alone)


def test_a_lead_of_the_margin_is_enough_and_less_is_shared_by_two() -> None:
    ahead, close = np.array([[0.5, 0.5 - 1.01 * MARGIN]]), np.array([[0.5, 0.46, 0.45]])
    assert margin(ahead, 0.05).tolist() == [[1.0, 0.0]]
    first, second, third = margin(close, 0.05)[0]
    assert first > second > third == 0.0
    assert first / second == pytest.approx(np.exp(0.04 / 0.05))
