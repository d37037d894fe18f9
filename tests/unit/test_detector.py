"""The test of a night keeps its promise of false alarms and sees what is clearly new."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from scipy.stats import binom

from pipeline.detector import (
    TAILS,
    NightTest,
    choose_layers,
    drift_by_layer,
    informative_layers,
    intraclass_correlation,
    judge_night,
    stands_out,
)
from pipeline.kinds import KindStatistics, Layers

Groups = npt.NDArray[np.uint64]
SEEDS = 300
SURE = 1e-4
"""How unlikely a count of false alarms must be under the promise to break it."""


def texts(
    seed: int, groups: int, size: int = 1, alike: float = 0.0, shift: float = 0.0
) -> tuple[Layers, Groups]:
    """Documents in groups of `size`, whose members share the part `alike` of their variance."""
    random = np.random.default_rng(seed)
    names = np.repeat(random.integers(0, 2**60, groups, np.uint64), size)
    shared = np.repeat(random.normal(size=(groups, 1, 6)), size, axis=0)
    own = random.normal(size=(groups * size, 1, 6))
    return shift + np.sqrt(alike) * shared + np.sqrt(1 - alike) * own, names


def judged(known: KindStatistics, night: tuple[Layers, Groups], per_year: float) -> NightTest:
    features, groups = night
    return judge_night(known.surprise(features), groups, [known], per_year)


def most_alarms(chance: float) -> int:
    return int(binom.isf(SURE, SEEDS, chance))


@pytest.mark.parametrize("night", [5, 100])
def test_nights_of_known_text_keep_the_promise(night: int) -> None:
    p_values = [
        judged(KindStatistics.of(*texts(seed, 200)), texts(seed + SEEDS, night), 1.0).p_value
        for seed in range(SEEDS)
    ]
    for chance in (1 / 365, 0.1):
        assert sum(p_value < chance for p_value in p_values) <= most_alarms(chance)


def test_nights_of_few_large_groups_keep_the_promise_where_a_binomial_test_breaks_it() -> None:
    alarms = binomial_alarms = 0
    for seed in range(SEEDS):
        known = KindStatistics.of(*texts(seed, 40, size=20, alike=0.9))
        night = texts(seed + SEEDS, 10, size=20, alike=0.9)
        alarms += judged(known, night, 1.0).new
        surprise = known.surprise(night[0])
        p_values = [
            binom.sf((surprise > level).sum() - 1, len(surprise), 1 - level + excess)
            for level, excess in TAILS.items()
        ]
        binomial_alarms += len(TAILS) * min(p_values) < 1 / 365
    assert alarms <= most_alarms(1 / 365)
    assert binomial_alarms > most_alarms(1 / 365)


@pytest.mark.parametrize("night", [30, 300])
def test_a_clear_shift_is_new(night: int) -> None:
    for seed in range(20):
        known = KindStatistics.of(*texts(seed, 300))
        assert judged(known, texts(seed + SEEDS, night, shift=2.0), 1.0).new


def test_a_few_far_documents_in_a_large_night_are_new() -> None:
    known = KindStatistics.of(*texts(0, 500))
    usual, names = texts(1, 400)
    far, others = texts(2, 40, shift=8.0)
    night = np.concatenate([usual, far]), np.concatenate([names, others])
    assert judged(known, night, 1.0).new
    assert not judged(known, (usual, names), 1.0).new


def test_what_any_known_kind_covers_is_not_new() -> None:
    here, there = (KindStatistics.of(*texts(s, 300, shift=4.0 * s)) for s in (0, 1))
    features, groups = texts(5, 200, shift=4.0)
    nearest = np.minimum(here.surprise(features), there.surprise(features))
    assert judged(here, (features, groups), 1.0).new
    assert not judge_night(nearest, groups, [here, there], 1.0).new


def test_a_single_document_is_never_news() -> None:
    known = KindStatistics.of(*texts(0, 300))
    assert not judged(known, texts(1, 1, shift=50.0), 1.0).new


def test_far_documents_of_one_group_say_less_than_as_many_of_their_own() -> None:
    known = KindStatistics.of(*texts(0, 40, size=20, alike=0.9))
    features, _ = texts(1, 40, shift=1.0)
    together = judged(known, (features, np.zeros(40, np.uint64)), 1.0)
    apart = judged(known, (features, np.arange(40, dtype=np.uint64)), 1.0)
    assert apart.p_value < together.p_value / 10


def test_more_false_alarms_are_allowed_when_more_are_promised() -> None:
    known = KindStatistics.of(*texts(0, 300))
    night = texts(1, 50, shift=0.6)
    p_value = judged(known, night, 1.0).p_value
    assert not judged(known, night, 365 * p_value * 0.99).new
    assert judged(known, night, 365 * p_value * 1.01).new


def test_an_empty_night_has_nothing_new() -> None:
    known = KindStatistics.of(*texts(0, 50))
    test = judge_night(np.empty(0), np.empty(0, np.uint64), [known], 365.0)
    assert test == NightTest(dict.fromkeys(TAILS, 0.0), 1.0, False)


def test_the_shares_are_what_lies_beyond_each_level() -> None:
    known = KindStatistics.of(*texts(0, 50))
    surprise = np.array([0.1, 0.8, 0.81, 0.96, 0.999])
    test = judge_night(surprise, np.arange(5, dtype=np.uint64), [known], 1.0)
    assert test.shares == {0.80: 0.6, 0.95: 0.4, 0.99: 0.2}


@pytest.mark.parametrize(
    ("values", "groups", "expected"),
    [
        ([0, 0, 1, 1, 0, 0, 1, 1], [1, 1, 2, 2, 3, 3, 4, 4], 1.0),
        ([0, 1, 0, 1, 0, 1, 0, 1], [1, 1, 2, 2, 3, 3, 4, 4], 0.0),
        ([0, 1, 0, 1], [1, 2, 3, 4], 0.0),
        ([0, 1, 0, 1], [1, 1, 1, 1], 0.0),
        ([1, 1, 1, 1], [1, 1, 2, 2], 0.0),
        # By hand: mean squares 2 between and 1/2 within groups of two.
        ([0, 1, 2, 3, 1, 2], [1, 1, 2, 2, 3, 3], 0.6),
    ],
    ids=["groups agree", "groups disagree", "all alone", "one group", "constant", "by hand"],
)
def test_intraclass_correlation_of_known_cases(
    values: list[float], groups: list[int], expected: float
) -> None:
    found = intraclass_correlation(np.array(values, float), np.array(groups, np.uint64))
    assert found == pytest.approx(expected)


@pytest.mark.parametrize("alike", [0.0, 0.3, 0.8])
def test_intraclass_correlation_finds_the_shared_part_of_the_variance(alike: float) -> None:
    features, groups = texts(0, 500, size=4, alike=alike)
    assert intraclass_correlation(features[:, 0, 0], groups) == pytest.approx(alike, abs=0.06)


@pytest.mark.parametrize(
    ("beyond", "of", "expected"),
    [(0, 40, False), (2, 40, False), (12, 40, True), (40, 40, True)],
)
def test_a_cluster_stands_out_by_its_share_of_odd_documents(
    beyond: int, of: int, expected: bool
) -> None:
    surprise = np.where(np.arange(of) < beyond, 0.97, 0.4)
    assert stands_out(surprise) is expected


def test_a_cluster_of_known_text_rarely_stands_out() -> None:
    random = np.random.default_rng(0)
    assert sum(stands_out(random.random(60)) for _ in range(500)) < 10


def test_informative_layers_are_those_where_shuffled_words_look_farther() -> None:
    random = np.random.default_rng(0)
    known, shuffled = random.normal(size=(200, 3)), random.normal(size=(300, 3))
    shuffled[:, 1] += 1
    shuffled[:, 2] += 9
    auroc = informative_layers(known, shuffled)
    assert auroc[0] == pytest.approx(0.5, abs=0.06)
    assert auroc[1] == pytest.approx(0.76, abs=0.06)
    assert auroc[2] == 1.0


@pytest.mark.parametrize(
    ("auroc", "chosen"),
    [
        ([0.5, 0.9, 0.6], [1]),
        ([0.5, 0.89, 0.9], [1, 2]),
        ([0.9, 0.5, 0.88], [0, 2]),
        ([0.5, 0.5], [0, 1]),
    ],
)
def test_the_chosen_layers_are_about_as_good_as_the_best(
    auroc: list[float], chosen: list[int]
) -> None:
    assert choose_layers(np.array(auroc)) == chosen


def test_a_layer_drifts_where_documents_lie_beyond_every_known_kind() -> None:
    near = KindStatistics(
        (), np.tile(np.arange(100.0)[:, None], 2), np.arange(100, dtype=np.uint64)
    )
    far = KindStatistics((), near.scores + 1000, near.groups)
    night = np.array([[10.0, 2000.0], [10.0, 2000.0], [500.0, 2000.0], [2000.0, 50.0]])
    assert drift_by_layer([night, night], [near, far]).tolist() == [0.25, 0.75]
    assert drift_by_layer([night[:, ::-1], night], [near, far]).tolist() == [0.0, 0.25]
    assert drift_by_layer([night[:0]], [near]).tolist() == [0.0, 0.0]
