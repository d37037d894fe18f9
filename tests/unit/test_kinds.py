"""A kind measures new documents by how far out its own ones looked when they were new."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import kinds
from pipeline.kinds import FOLDS, KindStatistics, Layers, folds_of, groups_of

DIMENSION, LAYERS = 6, 2


def documents(count: int, seed: int, shift: float = 0.0) -> Layers:
    random = np.random.default_rng(seed)
    mixing = np.random.default_rng(99).normal(size=(DIMENSION, DIMENSION))
    drawn = random.normal(size=(count, LAYERS, DIMENSION)) @ mixing + shift
    return drawn.astype(np.float16)


def alone(count: int, start: int = 0) -> np.ndarray[tuple[int], np.dtype[np.uint64]]:
    return np.arange(start, start + count, dtype=np.uint64)


def learned(count: int = 1200, seed: int = 0) -> KindStatistics:
    return KindStatistics.of(documents(count, seed), alone(count))


def test_the_surprise_of_more_of_the_same_is_uniform() -> None:
    surprise = learned().surprise(documents(1200, seed=1))
    for level in (0.2, 0.5, 0.8, 0.95):
        assert (surprise > level).mean() == pytest.approx(1 - level, abs=0.04)


def test_another_kind_of_text_surprises() -> None:
    kind = learned()
    assert kind.surprise(documents(300, seed=1, shift=4.0)).min() > 0.9
    near = kind.surprise(documents(300, seed=1, shift=1.0)).mean()
    assert kind.surprise(documents(300, seed=1)).mean() < near < 1


def test_documents_that_were_learned_do_not_vouch_for_their_own_group() -> None:
    crowd, strangers = documents(400, seed=0), documents(40, seed=1, shift=6.0)
    features = np.concatenate([crowd, strangers])
    together = np.concatenate([alone(400, 1), np.zeros(40, np.uint64)])
    apart = np.concatenate([alone(400, 1), alone(40, 1001)])
    grouped = KindStatistics.of(features, together).scores
    assert grouped[400:].min() > grouped[:400].max()
    single = KindStatistics.of(features, apart).scores
    assert single[400:].mean() < grouped[400:].mean() - 1


@pytest.mark.parametrize("fold", range(FOLDS))
def test_a_fold_is_scored_by_the_other_folds_alone(fold: int) -> None:
    features, groups = documents(100, seed=0), alone(100)
    rows = folds_of(groups) == fold
    moved = features.copy()
    moved[rows] += 3
    before, after = (KindStatistics.of(x, groups) for x in (features, moved))
    elsewhere = before.out_of_fold(moved, folds_of(groups))
    assert np.allclose(after.scores[rows], elsewhere[rows])
    assert not np.allclose(after.scores[~rows], elsewhere[~rows])


@given(st.integers(1, 60), st.integers(1, 60), st.integers(0, 2**32))
def test_growing_is_learning_from_all(first: int, second: int, seed: int) -> None:
    features = np.random.default_rng(seed).normal(size=(first + second, 1, 3))
    groups = np.random.default_rng(seed).integers(0, 2**60, first + second, np.uint64)
    whole = KindStatistics.of(features, groups)
    grown = KindStatistics.of(features[:first], groups[:first]).grow(
        features[first:], groups[first:]
    )
    assert grown.documents == whole.documents == first + second
    for ours, theirs in zip(grown.moments, whole.moments, strict=True):
        assert ours[0].count == theirs[0].count
        assert np.allclose(ours[0].scatter, theirs[0].scatter, atol=1e-8)
    assert np.isfinite(grown.scores).all()
    assert np.allclose(grown.distances(features), whole.distances(features), atol=1e-6)


def test_new_documents_are_scored_before_they_count() -> None:
    kind, strangers = learned(300), documents(60, seed=1, shift=4.0)
    groups = alone(60, 300)
    grown = kind.grow(strangers, groups)
    assert np.array_equal(grown.scores[:300], kind.scores)
    assert np.allclose(grown.scores[300:], kind.out_of_fold(strangers, folds_of(groups)))
    assert grown.surprise(strangers).mean() < kind.surprise(strangers).mean()


def test_the_yardstick_keeps_as_many_of_each_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kinds, "YARDSTICK", 100)
    kind = learned(300)
    grown = kind.grow(documents(100, seed=1), alone(100, 1000))
    assert grown.documents == 400
    assert grown.scores.shape == (100, LAYERS)
    assert (grown.groups >= 1000).sum() == 25
    old = grown.groups[grown.groups < 1000]
    assert np.histogram(old, 3, (0, 300))[0].tolist() == [25, 25, 25]
    assert np.array_equal(grown.scores[:75], kind.scores[old.astype(int)])
    again = grown.grow(documents(100, seed=2), alone(100, 2000))
    assert (again.groups >= 2000).sum() == 20, "a hundred of five hundred"


def test_a_corpus_in_the_order_of_its_topics_stays_known_when_it_grows(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The yardstick is no longer that of its last topic."""
    monkeypatch.setattr(kinds, "YARDSTICK", 100)
    topics = np.concatenate([documents(200, seed=n, shift=2.0 * n) for n in range(4)])
    kind = KindStatistics.of(topics, alone(800))
    usual = kind.surprise(topics[:200]).mean()
    grown = kind.grow(topics[-1:], alone(1, 5000))
    assert abs(grown.surprise(topics[:200]).mean() - usual) < 0.1


def test_an_empty_night_changes_nothing() -> None:
    kind = learned(50)
    same = kind.grow(documents(0, seed=1), alone(0))
    assert same.documents == 50
    assert np.array_equal(same.scores, kind.scores)
    assert kind.surprise(documents(0, seed=1)).shape == (0,)


def test_a_kind_comes_back_from_its_folder_as_it_was(tmp_path: Path) -> None:
    kind = learned(200)
    kind.save(tmp_path)
    again = KindStatistics.load(tmp_path)
    night = documents(100, seed=1, shift=0.5)
    assert again.documents == kind.documents
    assert np.array_equal(again.groups, kind.groups)
    assert np.allclose(again.distances(night), kind.distances(night), atol=1e-4)
    assert np.abs(again.surprise(night) - kind.surprise(night)).max() <= 0.01
    more = documents(50, seed=2)
    grown = again.grow(more, alone(50, 900)).distances(night)
    assert np.allclose(grown, kind.grow(more, alone(50, 900)).distances(night), atol=1e-4)


def test_what_was_saved_is_the_same_file_when_saved_again(tmp_path: Path) -> None:
    learned(50).save(tmp_path)
    first = (tmp_path / kinds.FILE).read_bytes()
    KindStatistics.load(tmp_path).save(tmp_path)
    assert (tmp_path / kinds.FILE).read_bytes() == first


@pytest.mark.parametrize(
    "features",
    [
        documents(1, seed=0),
        np.repeat(documents(1, seed=0), 40, axis=0),
        np.random.default_rng(0).normal(size=(7, LAYERS, 60)).astype(np.float16),
        documents(20, seed=0)[:, :1],
    ],
    ids=["one document", "identical documents", "fewer than dimensions", "one layer"],
)
def test_degenerate_kinds_stay_finite(features: Layers) -> None:
    kind = KindStatistics.of(features, alone(len(features)))
    night = np.concatenate([features, features + 5])
    surprise = kind.surprise(night)
    assert np.isfinite(kind.scores).all()
    assert np.isfinite(kind.novelty(kind.distances(night))).all()
    assert ((surprise >= 0) & (surprise <= 1)).all()
    assert surprise[len(features) :].min() == 1


def test_a_kind_whose_documents_share_one_group_still_measures() -> None:
    one_group = np.zeros(50, np.uint64)
    kind = KindStatistics.of(documents(50, seed=0), one_group)
    assert np.isfinite(kind.scores).all()
    assert kind.surprise(documents(20, seed=1, shift=9.0)).min() == 1


def test_documents_of_one_title_form_a_group() -> None:
    titles = [f"title {n % 12}" for n in range(24)]
    groups = groups_of(titles, [str(n) for n in range(24)])
    assert len(set(groups.tolist())) == 12
    assert (groups[:12] == groups[12:]).all()


def test_untitled_documents_and_hardly_differing_titles_form_no_groups() -> None:
    ids = [str(n) for n in range(24)]
    few = groups_of([f"title {n % 9}" for n in range(24)], ids)
    some = groups_of(["" if n < 4 else f"title {n}" for n in range(24)], ids)
    assert len(set(few.tolist())) == len(set(some.tolist())) == 24
    assert few.tolist() == groups_of([""] * 24, ids).tolist()


def test_a_night_of_a_few_titles_is_that_many_witnesses() -> None:
    ids = [str(n) for n in range(24)]
    night = groups_of([f"title {n % 3}" for n in range(24)], ids, longest=8)
    assert len(set(night.tolist())) == 3
    known = groups_of([f"title {n % 12}" for n in range(24)], ids)
    assert set(night.tolist()) < set(known.tolist())
    kind = KindStatistics.of(documents(24, seed=0), known)
    assert kind.longest_group == 2


def test_a_title_that_more_have_than_any_known_one_tells_nothing() -> None:
    ids = [str(n) for n in range(24)]
    night = groups_of(["Transcript"] * 20 + ["Cast"] * 4, ids, longest=8)
    assert len(set(night.tolist())) == 21


def test_a_title_is_not_mistaken_for_an_id() -> None:
    titles = [*(f"title {n}" for n in range(12)), "", "7"]
    groups = groups_of(titles, [*(f"id {n}" for n in range(12)), "7", "id 13"])
    assert groups[12] != groups[13]


def test_groups_are_dealt_evenly_and_always_alike() -> None:
    groups = groups_of([""] * 2000, [str(n) for n in range(2000)])
    counts = np.bincount(folds_of(groups))
    assert len(counts) == FOLDS
    assert counts.min() > 330
    assert groups[:2].tolist() == [11880891260716035544, 5537658870601596648]
