"""Queries about one document are no independent witnesses; intervals know it."""

from __future__ import annotations

import numpy as np
import pytest

from pipeline import measures
from pipeline.gains import Gains
from pipeline.gate import judge
from pipeline.measures import interval


def useless(random: np.random.Generator, documents: int, queries: int) -> Gains:
    """A candidate worth nothing; two fifths of the variance is between documents."""
    about = np.repeat(np.arange(documents), queries)
    shared = random.normal(0, 0.4**0.5, documents)[about]
    return Gains(0.2 * (shared + random.normal(0, 0.6**0.5, len(about))), about)


@pytest.mark.parametrize(("documents", "queries"), [(15, 30), (40, 10), (140, 4), (400, 1)])
def test_the_gate_keeps_its_promise_however_many_ask_about_a_document(
    monkeypatch: pytest.MonkeyPatch, documents: int, queries: int
) -> None:
    """One in twenty is promised; query by query it would be up to one in three."""
    monkeypatch.setattr(measures, "RESAMPLES", 200)
    random = np.random.default_rng(0)
    drawn = [useless(random, documents, queries) for _ in range(200)]
    accepted = sum(judge(gains, {}, synthetic=False).accepted for gains in drawn)
    assert accepted <= 22
    if queries > 1:
        singly = sum(judge(Gains.alone(g.values), {}, synthetic=False).accepted for g in drawn)
        assert singly > 1.5 * accepted


def test_an_interval_is_wider_where_queries_agree_by_document() -> None:
    gains = useless(np.random.default_rng(1), 30, 8)
    (low, high), (few_low, few_high) = gains.interval(0.9), Gains.alone(gains.values).interval(0.9)
    assert low < few_low < gains.mean < few_high < high


def test_alone_is_query_by_query_to_the_last_bit() -> None:
    values = np.random.default_rng(2).normal(0, 1, 50)
    assert Gains.alone(values).interval(0.9) == interval(values, 0.9)


def test_nothing_gains_nothing() -> None:
    nothing = Gains.none()
    assert (len(nothing), nothing.documents, nothing.mean) == (0, 0, 0.0)
    assert nothing.interval(0.9) == (0.0, 0.0)
