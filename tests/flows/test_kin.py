"""Whose expert may come before a new one: only experts of text that looks like the newcomer's."""

from __future__ import annotations

import numpy as np

from flows.membership import kin
from pipeline.clusters import ALIKE, beyond
from pipeline.kinds import KindStatistics, Layers


def drawn(seed: int, shift: float, count: int = 300) -> Layers:
    return np.random.default_rng(seed).normal(shift, 1.0, (count, 2, 8))


def learned(features: Layers) -> KindStatistics:
    return KindStatistics.of(features, np.arange(len(features), dtype=np.uint64))


def test_a_kind_is_kin_to_text_like_its_own_and_to_no_other() -> None:
    kinds = {"near": learned(drawn(1, 0.0)), "far": learned(drawn(2, 6.0))}
    assert kin(kinds, drawn(3, 0.0)) == ["near"]
    assert kin(kinds, drawn(4, 6.0)) == ["far"]
    assert kin(kinds, drawn(5, -6.0)) == []


def test_text_at_the_edge_of_a_kind_is_kin_still() -> None:
    """New enough for a night to notice, near enough for its expert to be tried first."""
    kinds = {"near": learned(drawn(1, 0.0))}
    edge = drawn(6, 0.9)
    assert 0.3 < beyond(kinds["near"], edge) < ALIKE
    assert kin(kinds, edge) == ["near"]
