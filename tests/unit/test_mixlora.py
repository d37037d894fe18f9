"""MixLoRA: a guest in every feed-forward layer that grows where it must, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from conftest import WORDS, weights_hash

from nightshift.errors import EncoderError
from pipeline import training
from pipeline.encoder import Encoder, Vectors
from pipeline.experts.mixlora import FIRST, MixLora, feed_forward
from pipeline.growing import Energies, cosines_of, energy_of, shares_out, teach
from pipeline.training import Lessons

TEXTS = [" ".join(WORDS[n : n + 6]) for n in range(0, 96, 6)]
EAST = [f"{WORDS[6 * n]} {WORDS[100]} {WORDS[101]}" for n in range(8)]
WEST = [f"{WORDS[6 * n]} {WORDS[110]} {WORDS[111]}" for n in range(8, 16)]


def asked(encoder: Encoder, queries: list[str], about: list[int]) -> Lessons:
    vectors = encoder.encode_documents(TEXTS).vectors
    answers = [np.array([row]) for row in about]
    return Lessons(queries, answers, vectors, np.array(about, np.int64))


def begun(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> tuple[MixLora, Energies]:
    """A mixture that has learned about the east."""
    monkeypatch.setattr(training, "EPOCHS", 20)
    model, energies = MixLora.new(encoder, seed=1), Energies.none()
    tokens = cosines_of(model, EAST)
    energies.begin([torch.cat(layer) for layer in zip(*tokens, strict=True)])
    teach(model, energies, asked(encoder, EAST, list(range(8))), minutes=1, seed=0)
    return model, energies


def through(model: MixLora) -> Vectors:
    with model.attached():
        return model.encoder.encode_queries(EAST + WEST)


def test_at_birth_it_changes_nothing_and_detached_it_is_not_there(tiny_encoder: Encoder) -> None:
    before, frozen = weights_hash(tiny_encoder), tiny_encoder.encode_queries(EAST + WEST)
    model = MixLora.new(tiny_encoder, seed=1)
    assert model.sizes == [FIRST] * (tiny_encoder.layer_count - 1)
    assert np.allclose(through(model), frozen, atol=1e-6)
    with pytest.raises(ZeroDivisionError), model.attached():
        raise ZeroDivisionError
    assert np.array_equal(tiny_encoder.encode_queries(EAST + WEST), frozen)
    assert weights_hash(tiny_encoder) == before
    assert tiny_encoder.guest is None


def test_it_learns_and_the_encoder_does_not(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = weights_hash(tiny_encoder)
    lessons = asked(tiny_encoder, EAST, list(range(8)))
    frozen = (tiny_encoder.encode_queries(EAST) @ lessons.candidates.T)[range(8), range(8)]
    model, _ = begun(tiny_encoder, monkeypatch)
    learned = (through(model)[:8] @ lessons.candidates.T)[range(8), range(8)]
    assert learned.mean() > frozen.mean()
    assert weights_hash(tiny_encoder) == before


def test_a_token_s_two_best_experts_add_what_the_formula_says(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, _ = begun(tiny_encoder, monkeypatch)
    model.grow(range(len(model.layers)), seed=3)
    generator = torch.Generator().manual_seed(0)
    for layer in model.open.values():
        for name in ("in_up", "out_up"):
            layer[name] = torch.randn(layer[name].shape, generator=generator)
    inner, _ = feed_forward(tiny_encoder)[0]
    passed: list[tuple[torch.Tensor, torch.Tensor]] = []

    def look(_: Any, given: Any, made: torch.Tensor) -> None:
        passed.append((given[0][0, 1], made[0, 1]))

    with torch.no_grad(), model.attached(), inner.register_forward_hook(look):
        tiny_encoder.embed(tiny_encoder.tokenise(EAST[:1], "query"))
    [(h, made)] = passed
    w = model.weights(0)
    cosines = torch.nn.functional.cosine_similarity(w["router"], h[None])
    says = torch.softmax(cosines, dim=0)
    says[says.argmin()] = 0
    expected = torch.nn.functional.linear(h, inner.weight, inner.bias)
    for i, say in enumerate(says):
        expected = expected + say * 2 * w["in_up"][i] @ (w["in_down"][i] @ h)
    assert torch.allclose(made, expected, atol=1e-4)


def test_only_the_layers_that_grow_learn_and_only_their_new_experts(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, energies = begun(tiny_encoder, monkeypatch)
    old = [{name: w.clone() for name, w in layer.items()} for layer in model.layers]
    before = [mean.copy() for mean in energies.mean]
    model.grow([1], seed=4)
    energies.grow(1)
    teach(model, energies, asked(tiny_encoder, WEST, list(range(8, 16))), minutes=1, seed=0)
    assert model.sizes == [FIRST, FIRST + 1, *[FIRST] * (len(old) - 2)]
    for layer, weights in enumerate(old):
        for name, weight in weights.items():
            assert torch.equal(model.layers[layer][name][:FIRST], weight)
    assert model.layers[1]["in_up"][FIRST].abs().max() > 0
    assert np.array_equal(energies.mean[0], before[0])
    assert len(energies.mean[1]) == len(energies.variance[1]) == FIRST + 1


def test_the_rule_fires_by_sigma_and_delta(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model, energies = begun(tiny_encoder, monkeypatch)
    shares = [shares_out(model, energies, WEST, sigma) for sigma in (-9.0, 0.0, 9.0)]
    assert shares[0] == [1.0] * len(model.layers)
    assert all(low >= high for low, high in zip(shares[1], shares[2], strict=True))
    assert max(shares[2]) < 1.0


def test_energies_move_with_the_experts_that_a_layer_gains() -> None:
    energies = Energies([np.array([1.0, 2.0])], [np.array([0.5, 0.25])])
    energies.grow(0)
    low = np.log(2 / 3)
    assert energies.mean[0] == pytest.approx([1 + low, 2 + low, 1 + low])
    assert energies.variance[0].tolist() == [0.5, 0.25, 0.5]
    assert energy_of(torch.ones(1, 3)).item() == pytest.approx(-1 - np.log(3))


def test_a_folder_keeps_it(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model, _ = begun(tiny_encoder, monkeypatch)
    model.grow([0], seed=2)
    model.close()
    model.save(tmp_path)
    again = MixLora.load(tiny_encoder, tmp_path)
    assert again.sizes == model.sizes
    assert np.array_equal(through(again), through(model))
    assert again.parameter_count == model.parameter_count


def test_an_encoder_without_such_layers_is_refused() -> None:
    model = SimpleNamespace(transformer=None, config=SimpleNamespace(model_type="distilbert"))
    other: Any = SimpleNamespace(model=model)
    with pytest.raises(EncoderError, match="feed-forward layers like BERT's, which distilbert has"):
        MixLora.new(other, seed=0)
