"""The benchmark of detectors sees what it should on domains made by hand."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from bench.quality.detectors import detectors, methods
from bench.quality.known import Domains, Rows

LAYERS, DIMENSION, MIDDLE = 4, 12, 2
SPLITS = 20


def domain(seed: int, count: int, shift: float) -> tuple[npt.NDArray[Any], npt.NDArray[np.uint64]]:
    """Documents in titles of four, shifted in the middle layer only."""
    random = np.random.default_rng(seed)
    features = 1 + random.normal(size=(count, LAYERS, DIMENSION))
    features[:, MIDDLE] += shift * (-1) ** np.arange(DIMENSION)
    titles = random.integers(0, 2**60, -(-count // 4), np.uint64)
    return features.astype(np.float16), np.repeat(titles, 4)[:count]


def rows(*ends: int) -> Rows:
    return np.arange(*ends)


@pytest.fixture(scope="module")
def domains() -> Domains:
    return {
        "wiki": domain(0, 300, 0),
        "trivia": domain(1, 200, 0),
        "code": domain(2, 240, 2),
        "talks": domain(3, 240, -2),
    }


@pytest.fixture(scope="module")
def compared(domains: Domains) -> dict[str, Any]:
    nights = [
        ("first", {"wiki": rows(300)}),
        ("same", {"trivia": rows(200)}),
        ("new", {"code": rows(120)}),
        ("again", {"code": rows(120, 240)}),
        ("nothing", {"code": rows(0)}),
        ("both", {"wiki": rows(20), "talks": rows(240)}),
    ]
    return detectors(domains, nights, [{"wiki", "trivia"}], [MIDDLE], splits=SPLITS)


def test_ours_finds_the_shift_that_the_last_layer_does_not_show(compared: dict[str, Any]) -> None:
    for name in ("code", "talks"):
        assert compared["auroc"]["layers"][name] > 0.95
        assert compared["auroc"]["last-layer"][name] < 0.65
        assert compared["auroc"]["prototype"][name] < 0.65
        by_layer = compared["auroc_by_layer"][name]
        assert len(by_layer) == LAYERS
        assert np.argmax(by_layer) == MIDDLE


def test_every_detector_is_measured_on_every_domain_and_night(
    compared: dict[str, Any], domains: Domains
) -> None:
    names = set(methods([MIDDLE]))
    assert set(compared["auroc"]) == set(compared["splits"]) == names
    assert all(set(row) == set(domains) for row in compared["auroc"].values())
    assert list(compared["nights"]) == ["same", "new", "again", "both"]
    assert all(set(row) == names for row in compared["nights"].values())


def test_a_night_is_judged_by_what_came_before_it(compared: dict[str, Any]) -> None:
    said = {name: row["layers"]["alarm"] for name, row in compared["nights"].items()}
    assert said == {"same": False, "new": True, "again": False, "both": True}
    assert compared["nights"]["new"]["layers"]["score"] > 0.5
    assert compared["nights"]["again"]["layers"]["score"] < 0.2


def test_domains_that_are_one_kind_are_left_out_together(domains: Domains) -> None:
    two = {name: domains[name] for name in ("code", "talks")}
    twins = {**two, "twin": (two["code"][0] + np.float16(0.01), two["code"][1] + np.uint64(1))}
    apart = detectors(twins, [], [], [MIDDLE], splits=4)["auroc"]["layers"]
    together = detectors(twins, [], [{"code", "twin"}], [MIDDLE], splits=4)["auroc"]["layers"]
    assert apart["twin"] < 0.7
    assert together["twin"] > 0.95


def test_an_update_is_judged_by_what_is_known_without_it(domains: Domains) -> None:
    changed = {"wiki": (domains["wiki"][0].copy(), domains["wiki"][1])}
    changed["wiki"][0][:40, MIDDLE] += 3
    nights = [("first", {"wiki": rows(300)}), ("update", {"wiki": rows(40)})]
    page = detectors({**domains, **changed}, nights, [], [MIDDLE], splits=4)
    assert page["nights"]["update"]["layers"]["alarm"]


def test_false_alarms_and_misses_are_counted(compared: dict[str, Any]) -> None:
    ours, energy = compared["splits"]["layers"], compared["splits"]["energy"]
    assert ours == {"false_alarm": 0.0, "splits": SPLITS, "miss": 0.0, "novel": SPLITS}
    assert compared["splits"]["last-layer"]["miss"] == 1.0
    assert energy["false_alarm"] == 1.0
    assert 0 < compared["splits"]["mmd"]["novel"] < SPLITS


def test_a_single_kind_has_false_alarms_only(domains: Domains) -> None:
    page = detectors({"wiki": domains["wiki"]}, [], [], [MIDDLE], splits=4)
    assert page["auroc"]["layers"] == page["auroc_by_layer"] == page["nights"] == {}
    assert page["splits"]["layers"] == {"false_alarm": 0.0, "splits": 4, "miss": None, "novel": 0}


def test_the_same_seed_gives_the_same_page(domains: Domains, compared: dict[str, Any]) -> None:
    two = {name: domains[name] for name in ("code", "talks")}
    nights = [("first", {"code": rows(200)}), ("next", {"talks": rows(100)})]
    one, other = (detectors(two, nights, [], [MIDDLE], splits=8) for _ in range(2))
    assert one == other
