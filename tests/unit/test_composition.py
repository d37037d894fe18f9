"""However experts are composed: whom the route leaves alone is untouched, one alone is itself, and
no query depends on its company.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import pytest
import torch
from conftest import WORDS

from pipeline.composition.base import Composition, unit
from pipeline.composition.blend import encode_blended
from pipeline.composition.methods import COMPOSITIONS
from pipeline.encoder import Encoder, Vectors
from pipeline.experts import prefix
from pipeline.experts.base import Expert
from pipeline.experts.lora import ALPHA, RANK
from pipeline.experts.methods import OF_PEFT
from pipeline.experts.weights import Weights
from pipeline.merging.base import DOWN, UP, merged
from pipeline.merging.core_space import CoreSpace
from pipeline.router import FROZEN, Route

QUERIES = [" ".join(WORDS[n : n + 1 + n % 7]) for n in range(1, 60, 5)]


@pytest.fixture(params=COMPOSITIONS.values(), ids=COMPOSITIONS)
def composition(request: pytest.FixtureRequest) -> Composition:
    chosen: Composition = request.param
    return chosen


@pytest.fixture(params=OF_PEFT)
def experts(
    request: pytest.FixtureRequest, tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> Iterator[dict[str, Expert]]:
    """Two experts of each method that learned something, whatever it is."""
    monkeypatch.setattr(prefix, "TOKENS", 8)
    made = {
        name: OF_PEFT[request.param].new(tiny_encoder, name, seed)
        for seed, name in enumerate(("e1", "e2"), start=1)
    }
    for seed, expert in enumerate(made.values()):
        generator = torch.Generator().manual_seed(seed)
        weights = expert.state().items()
        expert.restore({n: torch.randn(w.shape, generator=generator) / 4 for n, w in weights})
    yield dict(made)
    for expert in made.values():
        expert.detach()


def composed(
    composition: Composition, encoder: Encoder, experts: dict[str, Expert], routes: list[Route]
) -> Vectors:
    queries = QUERIES[: len(routes)]
    learned = composition.learn(encoder, experts, queries, routes)
    return composition.mix(encoder.encode_queries(queries), routes, learned)


def through(encoder: Encoder, expert: Expert) -> Vectors:
    with expert.attached():
        return encoder.encode_queries(QUERIES)


def test_whom_no_expert_serves_stays_frozen_to_the_last_bit(
    composition: Composition, tiny_encoder: Encoder, experts: dict[str, Expert]
) -> None:
    routes: list[Route] = [{"e1": 1.0}, *[{FROZEN: 1.0}] * (len(QUERIES) - 1)]
    frozen = tiny_encoder.encode_queries(QUERIES)
    vectors = composed(composition, tiny_encoder, experts, routes)
    assert np.array_equal(vectors[1:], frozen[1:])
    assert not np.allclose(vectors[0], frozen[0], atol=1e-2)
    assert np.array_equal(tiny_encoder.encode_queries(QUERIES), frozen)


def test_training_looks_at_what_one_expert_alone_answers(
    composition: Composition, tiny_encoder: Encoder, experts: dict[str, Expert]
) -> None:
    frozen = torch.from_numpy(tiny_encoder.encode_queries(QUERIES))
    taught = composition.taught(frozen, torch.from_numpy(through(tiny_encoder, experts["e2"])))
    routes: list[Route] = [{"e2": 1.0}] * len(QUERIES)
    vectors = composed(composition, tiny_encoder, experts, routes)
    assert np.allclose(vectors, taught.numpy(), atol=1e-5)


def test_vectors_are_unit_whatever_the_route(
    composition: Composition, tiny_encoder: Encoder, experts: dict[str, Expert]
) -> None:
    routes: list[Route] = [{"e1": 0.3, "e2": 0.7}, {FROZEN: 0.6, "e1": 0.4}, {"e2": 1.0}]
    vectors = composed(composition, tiny_encoder, experts, routes)
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert vectors.dtype == np.float32


def test_a_query_does_not_depend_on_its_company(
    composition: Composition, tiny_encoder: Encoder, experts: dict[str, Expert]
) -> None:
    routes: list[Route] = [
        {"e1": share, "e2": 1 - share} if n % 3 else {FROZEN: share, "e1": 1 - share}
        for n, share in enumerate(np.linspace(0.1, 0.9, len(QUERIES)).tolist())
    ]
    together = composed(composition, tiny_encoder, experts, routes)
    frozen = tiny_encoder.encode_queries(QUERIES)
    for row, (query, route) in enumerate(zip(QUERIES, routes, strict=True)):
        learned = composition.learn(tiny_encoder, experts, [query], [route])
        alone = composition.mix(frozen[row : row + 1], [route], learned)
        assert np.allclose(alone[0], together[row], atol=1e-5)


def test_nobody_asks_nothing(
    composition: Composition, tiny_encoder: Encoder, experts: dict[str, Expert]
) -> None:
    assert composed(composition, tiny_encoder, experts, []).shape == (0, tiny_encoder.dimension)


def test_a_blend_is_the_pass_through_the_sum_of_the_weights(tiny_encoder: Encoder) -> None:
    """For LoRA, core space finds the same sum, by a way of its own."""
    lora = OF_PEFT["lora"]
    made = [lora.new(tiny_encoder, name, seed) for seed, name in enumerate(("e1", "e2"))]
    for seed, expert in enumerate(made):
        generator = torch.Generator().manual_seed(seed)
        weights = expert.state().items()
        expert.restore({n: torch.randn(w.shape, generator=generator) / 4 for n, w in weights})
    shares = [0.3, 0.7]
    says = np.tile(shares, (len(QUERIES), 1))
    blended = encode_blended(tiny_encoder, made, QUERIES, says)
    # With room for both ranks, nothing is cut.
    core = merged([roomy(expert.state()) for expert in made], shares, CoreSpace())
    for expert in made:
        expert.detach()
    assert not np.allclose(blended, tiny_encoder.encode_queries(QUERIES), atol=1e-2)
    with added(tiny_encoder, core):
        spoken = tiny_encoder.encode_queries(QUERIES)
    assert np.allclose(unit(blended), spoken, atol=1e-5)


def roomy(state: Weights) -> Weights:
    """The same update with as many zeros again in its factors."""
    pad = torch.nn.functional.pad
    return {
        name: pad(weight, (0, 0, 0, RANK) if DOWN in name else (0, RANK))
        for name, weight in state.items()
    }


@contextmanager
def added(encoder: Encoder, state: Weights) -> Iterator[None]:
    """Inside, the update is part of the encoder's own weights."""
    before = {name: weight.clone() for name, weight in encoder.model.state_dict().items()}
    after = dict(before)
    for down in [name for name in state if DOWN in name]:
        layer = down.removeprefix("base_model.model.").split(f".{DOWN}")[0] + ".weight"
        after[layer] = before[layer] + ALPHA / RANK * state[down.replace(DOWN, UP)] @ state[down]
    encoder.model.load_state_dict(after)
    yield
    encoder.model.load_state_dict(before)
