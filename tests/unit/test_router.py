"""The router: every query gets weights that sum to one, and what is far from all stays frozen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.encoder import Vectors
from pipeline.router import FROZEN, LEAST_WEIGHT, PROTOTYPES, Router, prototypes_of


def unit(*shape: int, seed: int) -> Vectors:
    drawn = np.random.default_rng(seed).normal(size=shape).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=-1, keepdims=True)


def at(*angles: float) -> Vectors:
    """Unit vectors in the plane."""
    turned = np.radians(angles)
    return np.stack([np.cos(turned), np.sin(turned)], axis=1).astype(np.float32)


def plane(floor: float = -1.0, sharpness: float = 0.05) -> Router:
    """East is served by e1, north by e2, west by nobody."""
    kinds = {"east": at(0), "north": at(90), "west": at(180)}
    return Router(kinds, {"east": "e1", "north": "e2"}, floor, sharpness)


@given(
    st.sampled_from([1, 2, 5, 40]),
    st.sampled_from([0, 1, 3, 40]),
    st.sampled_from([0.01, 0.05, 1.0, 50.0]),
    st.floats(-1, 1),
    st.integers(0, 2**32 - 1),
)
def test_the_weights_of_every_route_sum_to_one(
    kinds: int, served: int, sharpness: float, floor: float, seed: int
) -> None:
    prototypes = {f"k{n}": unit(2, 4, seed=seed + n) for n in range(kinds)}
    experts = {f"k{n}": f"e{n * 3 // 4}" for n in range(min(served, kinds))}
    for route in Router(prototypes, experts, floor, sharpness).route(unit(10, 4, seed=seed)):
        assert sum(route.values()) == pytest.approx(1)
        assert all(weight > 0 for weight in route.values())
        assert set(route) <= {FROZEN, *experts.values()}


def test_a_query_goes_to_the_expert_whose_queries_it_resembles() -> None:
    east, north, west = plane().route(at(10, 80, 170))
    assert east == {"e1": 1.0}
    assert north == {"e2": 1.0}
    assert west == {FROZEN: 1.0}


def test_a_query_between_two_kinds_goes_to_both_by_the_softmax() -> None:
    (route,) = plane(sharpness=0.5).route(at(60))
    cosines = np.cos(np.radians([60, 30, 120]))
    shares = np.exp(cosines / 0.5) / np.exp(cosines / 0.5).sum()
    assert shares[2] < LEAST_WEIGHT < shares[0]
    assert route == {
        "e1": pytest.approx(shares[0] / (shares[0] + shares[1]), abs=1e-6),
        "e2": pytest.approx(shares[1] / (shares[0] + shares[1]), abs=1e-6),
    }


def test_the_nearest_prototype_of_a_kind_speaks_for_it() -> None:
    router = Router({"ends": at(0, 180), "north": at(90)}, {"ends": "e1"})
    assert router.similarity(at(180, 90)) == pytest.approx(np.array([[1, 0], [0, 1]]), abs=1e-6)
    assert router.route(at(175, 90)) == [{"e1": 1.0}, {FROZEN: 1.0}]


def test_kinds_of_one_expert_add_up_and_so_do_kinds_without() -> None:
    kinds = {"a": at(0), "b": at(0), "c": at(0), "d": at(0)}
    (route,) = Router(kinds, {"a": "e1", "b": "e1", "c": "e2"}).route(at(0))
    assert route == pytest.approx({"e1": 0.5, "e2": 0.25, FROZEN: 0.25})


@pytest.mark.parametrize(("angle", "abstains"), [(20, False), (40, True), (-90, True)])
def test_a_query_near_nothing_is_left_to_the_frozen_encoder(angle: float, abstains: bool) -> None:
    (route,) = plane(floor=float(np.cos(np.radians(30)))).route(at(angle))
    assert (route == {FROZEN: 1.0}) is abstains


def test_among_very_many_kinds_a_query_still_goes_somewhere() -> None:
    kinds = {f"k{n}": at(0) for n in range(30)}
    (route,) = Router(kinds, {name: f"e{name}" for name in kinds}).route(at(0))
    assert route == pytest.approx({f"e{name}": 1 / 30 for name in kinds})


def test_what_kinds_have_is_weighed_as_a_route_weighs_them() -> None:
    router = plane(floor=0.5, sharpness=0.05)
    of_kind = {"east": 0.2, "north": 0.8}
    east, between, nobody, astray = router.weigh(at(0, 45, 180, 270), of_kind, 0.5)
    assert east == pytest.approx(0.2, abs=1e-6)
    assert between == pytest.approx(0.5, abs=1e-6)
    assert nobody == pytest.approx(0.5)
    assert astray == 0.5
    assert Router().weigh(at(0), of_kind, 0.3) == [0.3]


def test_a_router_without_experts_sends_everything_to_the_frozen_encoder() -> None:
    assert Router().route(at(1, 2)) == [{FROZEN: 1.0}] * 2
    assert Router({"east": at(0)}).route(at(1)) == [{FROZEN: 1.0}]
    assert plane().route(at()) == []


def test_a_kind_can_be_added_served_and_left_alone_again() -> None:
    router = plane().with_kind("south", at(270), "e3")
    assert router.route(at(270)) == [{"e3": 1.0}]
    moved = router.with_kind("south", at(225), "e4")
    assert moved.route(at(225)) == [{"e4": 1.0}]
    assert list(moved.prototypes) == ["east", "north", "west", "south"]
    assert moved.with_kind("south", at(225), None).route(at(225)) == [{FROZEN: 1.0}]
    assert router.route(at(270)) == [{"e3": 1.0}]


def test_the_floor_lets_all_but_the_oddest_hundredth_through() -> None:
    held_out = unit(1000, 2, seed=3)
    router = plane().calibrated(held_out)
    nearest = router.similarity(held_out).max(axis=1)
    assert router.floor == pytest.approx(np.quantile(nearest, 0.01))
    assert (nearest < router.floor).sum() == 10


def test_where_all_cosines_lie_close_together_the_softmax_is_sharper() -> None:
    spread, narrow = at(*range(0, 180, 10)), at(*range(18))
    wide = Router({"a": spread[:9], "b": spread[9:]}, {"a": "e1"}).calibrated(spread)
    close = Router({"a": narrow[:9], "b": narrow[9:]}, {"a": "e1"}).calibrated(narrow)
    assert 0 < close.sharpness < wide.sharpness / 5
    assert set(close.route(narrow[:1])[0]) == {"e1"}


def test_without_held_out_queries_or_kinds_nothing_is_calibrated() -> None:
    router = plane()
    assert router.calibrated(at()) is router
    assert Router().calibrated(at(1)) == Router()


@pytest.mark.parametrize(
    "router", [plane(0.25, 0.04), Router(), Router({"é/ 1": at(1, 2)})], ids=["full", "", "bare"]
)
def test_a_router_comes_back_from_its_folder(router: Router, tmp_path: Path) -> None:
    router.save(tmp_path)
    again = Router.load(tmp_path)
    assert list(again.prototypes) == list(router.prototypes)
    assert all(np.array_equal(again.prototypes[k], router.prototypes[k]) for k in again.prototypes)
    assert (again.experts, again.floor) == (dict(router.experts), router.floor)
    assert again.route(at(*range(0, 360, 7))) == router.route(at(*range(0, 360, 7)))


@pytest.mark.parametrize(("queries", "count"), [(1, 1), (39, 1), (40, 2), (100, 5), (999, 8)])
def test_prototypes_are_unit_centroids_as_many_as_the_queries_allow(
    queries: int, count: int
) -> None:
    points = prototypes_of(unit(queries, 6, seed=1), seed=0)
    assert points.shape == (count, 6)
    assert count <= PROTOTYPES
    assert points.dtype == np.float32
    assert np.allclose(np.linalg.norm(points, axis=1), 1, atol=1e-6)
    assert np.array_equal(points, prototypes_of(unit(queries, 6, seed=1), seed=0))


def test_prototypes_lie_where_the_queries_are() -> None:
    queries = np.concatenate([at(*np.linspace(-5, 5, 30)), at(*np.linspace(85, 95, 30))])
    points = prototypes_of(queries, seed=0)
    assert (points @ at(0, 90).T).max(axis=0).min() > 0.99


def test_queries_that_are_all_the_same_have_one_prototype() -> None:
    points = prototypes_of(np.repeat(at(30), 200, axis=0), seed=0)
    assert np.allclose(points, at(30), atol=1e-6)


def test_told_the_kinds_a_query_goes_nowhere_else() -> None:
    router = plane()
    [north] = router.route(at(0), among={"north"})
    assert north == {"e2": 1.0}
    assert router.route(at(230), among={"north"}) == [{"e2": 1.0}]
    assert router.route(at(0), among={"north", "unasked"}) == [{"e2": 1.0}]
    assert router.weigh(at(0), {"east": 0.2, "north": 0.9}, 0.5, {"north"}) == [0.9]


def test_told_a_kind_that_nobody_ever_asked_a_query_is_left_to_the_frozen_encoder() -> None:
    router = plane()
    assert router.route(at(0, 90), among={"unasked"}) == [{FROZEN: 1.0}] * 2
    assert router.weigh(at(0), {"east": 0.2, "north": 0.9}, 0.5, {"unasked"}) == [0.5]


def test_where_no_kind_was_ever_asked_a_query_resembles_none() -> None:
    assert Router().similarity(at(0, 90)).shape == (2, 0)
    assert Router(experts={"east": "e1"}).route(at(0), among={"east"}) == [{FROZEN: 1.0}]
    assert Router(experts={"east": "e1"}).route(at(0)) == [{FROZEN: 1.0}]


@given(st.sampled_from([2, 3, 7]), st.sampled_from([0.0, 0.1, 0.5, 1.0]), st.integers(0, 2**32 - 1))
def test_a_share_that_all_kinds_have_is_a_query_s_to_the_last_bit(
    kinds: int, share: float, seed: int
) -> None:
    prototypes = {f"k{n}": unit(2, 4, seed=seed + n) for n in range(kinds)}
    shares = Router(prototypes).weigh(unit(20, 4, seed=seed), dict.fromkeys(prototypes, share), 0.5)
    assert set(shares) == {share}
