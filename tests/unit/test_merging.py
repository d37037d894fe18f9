"""One battery for every way of merging experts."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from conftest import WORDS

from pipeline.encoder import Encoder
from pipeline.experts.lora import LoraExpert
from pipeline.experts.weights import Weights
from pipeline.merging.base import Update, factored, merged
from pipeline.merging.core_space import CoreSpace
from pipeline.merging.methods import MERGINGS

TEXTS = [" ".join(WORDS[n : n + 6]) for n in range(0, 120, 6)]
LINEAR = ("core", "factors")
"""Those that give back an expert merged with nothing."""

each = pytest.mark.parametrize("name", MERGINGS)


def drawn(seed: int, wide: int = 24, high: int = 16, rank: int = 4) -> Update:
    generator = torch.Generator().manual_seed(seed)
    return Update(
        torch.randn(rank, wide, generator=generator), torch.randn(high, rank, generator=generator)
    )


@each
def test_the_result_has_the_shape_of_the_experts(name: str) -> None:
    one = MERGINGS[name]([drawn(1), drawn(2), drawn(3)], [0.5, 0.3, 0.2], rank=4)
    assert one.whole.shape == drawn(1).whole.shape
    assert one.rank <= 4
    assert one.down.dtype == torch.float32


@each
def test_it_is_the_same_every_time(name: str) -> None:
    before = torch.get_rng_state()
    once, again = (MERGINGS[name]([drawn(1), drawn(2)], [0.5, 0.5], rank=4) for _ in range(2))
    assert torch.equal(once.whole, again.whole)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize("name", ["core", "core-ties", "factors"])
def test_the_order_of_the_experts_does_not_matter(name: str) -> None:
    one = MERGINGS[name]([drawn(1), drawn(2)], [0.7, 0.3], rank=8).whole
    other = MERGINGS[name]([drawn(2), drawn(1)], [0.3, 0.7], rank=8).whole
    if name == "core-ties":
        # Its bases are those of all experts, turned another way by another order.
        assert float((one * other).sum() / one.norm() / other.norm()) > 0.5
    else:
        assert torch.allclose(one, other, atol=1e-5)


@pytest.mark.parametrize("name", LINEAR)
def test_all_weight_on_one_expert_gives_it_back(name: str) -> None:
    one = MERGINGS[name]([drawn(1), drawn(2)], [1.0, 0.0], rank=4)
    assert torch.allclose(one.whole, drawn(1).whole, atol=1e-5)


def test_core_space_loses_nothing() -> None:
    updates, weights = [drawn(1), drawn(2), drawn(3)], [0.5, 0.2, 0.3]
    exact = sum(weight * update.whole for weight, update in zip(weights, updates, strict=True))
    assert torch.allclose(CoreSpace()(updates, weights, rank=12).whole, exact, atol=1e-5)


def test_cut_to_a_rank_it_is_the_nearest_of_that_rank() -> None:
    updates, weights = [drawn(1), drawn(2)], [0.5, 0.5]
    exact = 0.5 * updates[0].whole + 0.5 * updates[1].whole
    left, sizes, right = torch.linalg.svd(exact)
    nearest = left[:, :4] @ torch.diag(sizes[:4]) @ right[:4]
    assert torch.allclose(CoreSpace()(updates, weights, rank=4).whole, nearest, atol=1e-4)


def test_factors_add_what_is_nobody_s() -> None:
    updates = [drawn(1), drawn(2)]
    exact = 0.5 * updates[0].whole + 0.5 * updates[1].whole
    cross = 0.5 * (updates[0].up @ updates[1].down + updates[1].up @ updates[0].down)
    assert torch.allclose(
        MERGINGS["factors"](updates, [0.5, 0.5], 4).whole, exact + cross, atol=1e-4
    )


def test_factored_zero_is_zero() -> None:
    assert not factored(torch.zeros(3, 5), rank=2).whole.any()


def learned(expert: LoraExpert, seed: int) -> Weights:
    generator = torch.Generator().manual_seed(seed)
    return {
        name: torch.randn(weight.shape, generator=generator) / 8
        for name, weight in expert.state().items()
    }


@each
def test_whole_experts_merge_and_speak(tiny_encoder: Encoder, name: str) -> None:
    expert = LoraExpert.new(tiny_encoder, "e1", seed=1)
    states = [learned(expert, seed) for seed in (1, 2)]
    said = []
    for state in (*states, merged(states, [0.5, 0.5], MERGINGS[name])):
        expert.restore(state)
        with expert.attached():
            said.append(tiny_encoder.encode_queries(TEXTS))
    first, second, both = said
    assert not np.allclose(both, first, atol=0.01)
    assert not np.allclose(both, second, atol=0.01)
    expert.detach()


def test_merged_with_itself_in_core_space_an_expert_says_the_same(tiny_encoder: Encoder) -> None:
    expert = LoraExpert.new(tiny_encoder, "e1", seed=1)
    state = learned(expert, 1)
    expert.restore(state)
    with expert.attached():
        alone = tiny_encoder.encode_queries(TEXTS)
    expert.restore(merged([state, state], [0.25, 0.75], MERGINGS["core"]))
    with expert.attached():
        assert np.allclose(tiny_encoder.encode_queries(TEXTS), alone, atol=1e-5)
    expert.detach()
