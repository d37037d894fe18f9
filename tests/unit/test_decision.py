"""Sorting a night into kinds, and the smallest outcome that serves each."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from pipeline.decision import ENOUGH_DOCUMENTS, Findings, KindFacts, look, wish
from pipeline.kinds import KindStatistics, Layers


def texts(count: int, seed: int, shift: float = 0.0) -> Layers:
    drawn = np.random.default_rng(seed).normal(size=(count, 2, 12)) + shift
    return drawn.astype(np.float16)


def alone(features: Layers) -> npt.NDArray[np.uint64]:
    return np.random.default_rng(len(features)).integers(0, 2**60, len(features), np.uint64)


def known(**shifts: float) -> dict[str, KindStatistics]:
    drawn = {name: texts(400, n, shift) for n, (name, shift) in enumerate(shifts.items())}
    return {name: KindStatistics.of(features, alone(features)) for name, features in drawn.items()}


def looked(kinds: dict[str, KindStatistics], *parts: Layers, waiting: Layers) -> Findings:
    night = np.concatenate(parts)
    return look(night, alone(night), waiting, alone(waiting) + np.uint64(1), kinds, 1.0, 0)


NOTHING = texts(0, 0)


def as_dict(findings: Findings) -> dict[str | None, list[int]]:
    names = [name for name, _ in findings.groups]
    assert len(set(names)) == len(names)
    return {name: rows.tolist() for name, rows in findings.groups}


def test_more_of_the_same_is_all_known() -> None:
    findings = looked(known(sea=0), texts(200, 10), waiting=NOTHING)
    assert not findings.test.new
    assert as_dict(findings) == {"sea": list(range(200))}


def test_a_night_of_something_else_is_all_new() -> None:
    findings = looked(known(sea=0), texts(200, 10, shift=2.0), waiting=NOTHING)
    assert findings.test.new
    assert as_dict(findings) == {None: list(range(200))}


def test_a_mixed_night_is_taken_apart() -> None:
    parts = [texts(120, 10), texts(150, 11, shift=-3.0), texts(130, 12, shift=3.0)]
    findings = looked(known(sea=0, law=3), *parts, waiting=NOTHING)
    assert as_dict(findings) == {
        "sea": list(range(120)),
        "law": list(range(270, 400)),
        None: list(range(120, 270)),
    }


def test_two_new_kinds_are_two_groups() -> None:
    parts = [texts(120, 10, shift=-3.0), texts(150, 11, shift=3.0)]
    findings = looked(known(sea=0), *parts, waiting=NOTHING)
    assert [(name, rows.tolist()) for name, rows in findings.groups] == [
        (None, list(range(120, 270))),
        (None, list(range(120))),
    ]


def test_known_kinds_are_told_apart_when_nothing_is_new() -> None:
    findings = looked(known(sea=0, law=3), texts(80, 10, shift=3.0), texts(90, 11), waiting=NOTHING)
    assert not findings.test.new
    assert as_dict(findings) == {"law": list(range(80)), "sea": list(range(80, 170))}


def test_where_the_promise_forbids_to_call_it_new_odd_text_goes_to_the_nearest_kind() -> None:
    night = np.concatenate([texts(100, 10), texts(100, 11, shift=-2.0)])
    kinds = known(sea=0, law=3)
    findings = look(night, alone(night), NOTHING, alone(NOTHING), kinds, 0.0, 0)
    assert not findings.test.new
    assert as_dict(findings) == {"sea": list(range(200))}


def test_a_stray_document_goes_to_the_kind_it_is_at_home_in() -> None:
    parts = [texts(58, 10), texts(1, 3, shift=3.0)]
    findings = looked(known(sea=0, law=3), *parts, waiting=NOTHING)
    assert as_dict(findings) == {"sea": list(range(58)), "law": [58]}


def spread(count: int, seed: int, shift: float, scale: float) -> Layers:
    """Texts along one direction, more or less alike."""
    drawn = np.random.default_rng(seed).normal(scale=scale, size=(count, 2, 12))
    return (drawn + shift * np.r_[np.ones(6), np.zeros(6)]).astype(np.float16)


def learned(**kinds: Layers) -> dict[str, KindStatistics]:
    return {name: KindStatistics.of(features, alone(features)) for name, features in kinds.items()}


@pytest.mark.parametrize("near", [4.5, 5.0])
def test_a_part_of_a_new_kind_that_could_pass_for_known_text_joins_it(near: float) -> None:
    parts = [spread(150, 10, 8.0, 0.5), spread(80, 11, near, 0.5), spread(120, 12, 0.0, 3.0)]
    findings = looked(learned(sea=spread(400, 1, 0.0, 3.0)), *parts, waiting=NOTHING)
    groups = as_dict(findings)
    assert set(range(230)) <= set(groups[None])
    assert len(groups[None]) < 250


def test_a_broad_kind_does_not_win_what_is_nearer_to_a_narrow_one() -> None:
    kinds = learned(sea=spread(400, 1, 0.0, 3.0), law=spread(300, 2, 3.0, 0.5))
    night = spread(200, 10, 2.2, 0.5)
    assert kinds["sea"].surprise(night).mean() < kinds["law"].surprise(night).mean()
    assert as_dict(looked(kinds, night, waiting=NOTHING)) == {"law": list(range(200))}


def test_a_few_odd_documents_near_known_text_do_not_wait() -> None:
    parts = [texts(150, 10, shift=4.0), texts(150, 11), texts(60, 12, shift=0.5)]
    findings = looked(known(sea=0), *parts, waiting=NOTHING)
    assert as_dict(findings) == {"sea": list(range(150, 360)), None: list(range(150))}


def test_what_waited_is_counted_with_more_of_its_kind() -> None:
    waiting = texts(70, 20, shift=3.0)
    findings = looked(known(sea=0), texts(60, 10, shift=3.0), waiting=waiting)
    assert findings.night == 60
    assert as_dict(findings) == {None: list(range(130))}


def test_what_waited_goes_on_waiting_while_nothing_is_new() -> None:
    findings = looked(known(sea=0), texts(200, 10), waiting=texts(90, 20, shift=3.0))
    assert as_dict(findings) == {"sea": list(range(200))}


def test_what_waited_does_not_make_a_night_new() -> None:
    alone_test = looked(known(sea=0), texts(200, 10), waiting=NOTHING).test
    assert (
        looked(known(sea=0), texts(200, 10), waiting=texts(500, 20, shift=3.0)).test == alone_test
    )


def test_shares_are_of_the_night_alone_and_by_kind() -> None:
    waiting = texts(100, 20, shift=3.0)
    findings = looked(known(sea=0, law=6), texts(100, 10, shift=3.0), waiting=waiting)
    assert findings.shares == {"sea": (1.0, 1.0, 1.0), "law": (1.0, 1.0, 1.0)}
    usual = looked(known(sea=0, law=6), texts(100, 10), waiting=waiting)
    assert usual.shares["sea"][0] == pytest.approx(0.2, abs=0.12)
    assert usual.shares["law"] == (1.0, 1.0, 1.0)
    assert usual.shares["sea"] == tuple(usual.test.shares.values())


def test_a_night_without_new_text_holds_nothing() -> None:
    findings = looked(known(sea=0, law=3), NOTHING, waiting=texts(40, 20, shift=3.0))
    assert not findings.test.new
    assert findings.groups == ()
    assert findings.shares == {"sea": (0.0, 0.0, 0.0), "law": (0.0, 0.0, 0.0)}


def facts(expert: str | None = None, asked: int | None = None, tried: int = 0) -> KindFacts:
    return KindFacts("sea", 300, expert, asked, tried)


@pytest.mark.parametrize(
    ("kind", "documents", "teaching", "outcome"),
    [
        (None, ENOUGH_DOCUMENTS - 1, 500, "wait"),
        (None, ENOUGH_DOCUMENTS, 0, "spawn"),
        (facts(), 9000, 9000, "absorb"),
        (facts(asked=300), 449, 9000, "absorb"),
        (facts(asked=300), 450, 0, "spawn"),
        (facts("e1", tried=100), 9000, 149, "reuse"),
        (facts("e1", tried=100), 300, 150, "refine"),
        (facts("e1", asked=300, tried=100), 9000, 149, "reuse"),
        (facts("e1", tried=0), 300, 1, "reuse"),
        (facts("e1", tried=0), 300, 2, "refine"),
    ],
)
def test_the_smallest_outcome_that_serves(
    kind: KindFacts | None, documents: int, teaching: int, outcome: str
) -> None:
    aim, reason = wish(kind, documents, teaching)
    assert aim == outcome
    assert reason
