"""MixLoRA: a guest in every feed-forward layer that grows where it must, and nowhere else."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import patience
import pytest
import torch
from conftest import WORDS, weights_hash

from nightshift.errors import EncoderError
from pipeline import training
from pipeline.both_sides import BothSidesCourse, train_both
from pipeline.encoder import Encoder, Vectors
from pipeline.experts import mixlora
from pipeline.experts.energies import Energies, cosines_of, energy_of, shares_out
from pipeline.experts.feed_forward import feed_forward
from pipeline.experts.mixlora import FIRST, MixLora
from pipeline.growing import teach
from pipeline.training import Lessons

TEXTS = [" ".join(WORDS[n : n + 6]) for n in range(0, 96, 6)]
EAST = [f"{WORDS[6 * n]} {WORDS[100]} {WORDS[101]}" for n in range(8)]
WEST = [f"{WORDS[6 * n]} {WORDS[110]} {WORDS[111]}" for n in range(8, 16)]


def asked(encoder: Encoder, queries: list[str], about: list[int]) -> Lessons:
    vectors = encoder.encode_documents(TEXTS).vectors
    answers = [np.array([row]) for row in about]
    return Lessons(queries, answers, vectors, np.array(about, np.int64))


def begun(encoder: Encoder, monkeypatch: pytest.MonkeyPatch) -> MixLora:
    """A mixture that has learned about the east."""
    patience.of(monkeypatch, 20)
    model = MixLora.new(encoder, "e1", seed=1)
    tokens = cosines_of(model, EAST)
    model.energies.begin([torch.cat(layer) for layer in zip(*tokens, strict=True)])
    teach(model, asked(encoder, EAST, list(range(8))), minutes=1, seed=0)
    return model


def through(model: MixLora) -> Vectors:
    with model.attached():
        return model.encoder.encode_queries(EAST + WEST)


def test_at_birth_it_changes_nothing_and_detached_it_is_not_there(tiny_encoder: Encoder) -> None:
    before, frozen = weights_hash(tiny_encoder), tiny_encoder.encode_queries(EAST + WEST)
    model = MixLora.new(tiny_encoder, "e1", seed=1)
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
    model = begun(tiny_encoder, monkeypatch)
    learned = (through(model)[:8] @ lessons.candidates.T)[range(8), range(8)]
    assert learned.mean() > frozen.mean()
    assert weights_hash(tiny_encoder) == before


def test_a_token_s_two_best_experts_add_what_the_formula_says(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = begun(tiny_encoder, monkeypatch)
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


def test_what_it_learns_is_heard_while_it_is_attached(tiny_encoder: Encoder) -> None:
    model = MixLora.new(tiny_encoder, "e1", seed=1)
    with model.attached():
        before = tiny_encoder.encode_queries(EAST)
        for layer in model.open.values():
            layer["in_up"].normal_(generator=torch.Generator().manual_seed(0))
        assert not np.allclose(tiny_encoder.encode_queries(EAST), before, atol=1e-3)


def test_rows_come_to_the_tokens_and_no_token_to_the_rows(tiny_encoder: Encoder) -> None:
    model = MixLora.new(tiny_encoder, "e1", seed=1)
    model.trainable()
    tokens = tiny_encoder.tokenise(EAST, "query")
    with model.attached():
        tiny_encoder.embed(tokens)
        owed = model.penalty([len(ids) for ids in tokens])
    assert isinstance(owed, torch.Tensor)
    owed.backward()  # type: ignore[no-untyped-call]
    for layer in model.open.values():
        assert layer["router"].grad is not None
        assert all(layer[name].grad is None for name in layer if name != "router")
    model.freeze()


def test_only_the_layers_that_grow_learn_and_only_their_new_experts(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = begun(tiny_encoder, monkeypatch)
    old = [{name: w.clone() for name, w in layer.items()} for layer in model.layers]
    before = [mean.copy() for mean in model.energies.mean]
    model.grow([1], seed=4)
    model.energies.grow(1)
    teach(model, asked(tiny_encoder, WEST, list(range(8, 16))), minutes=1, seed=0)
    assert model.sizes == [FIRST, FIRST + 1, *[FIRST] * (len(old) - 2)]
    for layer, weights in enumerate(old):
        for name, weight in weights.items():
            assert torch.equal(model.layers[layer][name][:FIRST], weight)
    assert model.layers[1]["in_up"][FIRST].abs().max() > 0
    assert np.array_equal(model.energies.mean[0], before[0])
    assert len(model.energies.mean[1]) == len(model.energies.variance[1]) == FIRST + 1


def test_the_rule_fires_by_sigma_and_delta(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = begun(tiny_encoder, monkeypatch)
    shares = [shares_out(model, WEST, sigma) for sigma in (-9.0, 0.0, 9.0)]
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
    model = begun(tiny_encoder, monkeypatch)
    model.grow([0], seed=2)
    model.close()
    model.save(tmp_path)
    again = MixLora.load(tiny_encoder, "e9", tmp_path)
    assert again.sizes == model.sizes
    assert np.array_equal(through(again), through(model))
    assert again.parameter_count == model.parameter_count


def test_an_encoder_without_such_layers_is_refused() -> None:
    model = SimpleNamespace(transformer=None, config=SimpleNamespace(model_type="distilbert"))
    other: Any = SimpleNamespace(model=model)
    with pytest.raises(EncoderError, match="feed-forward layers like BERT's, which distilbert has"):
        MixLora.new(other, "e1", seed=0)


def taught_like_any_expert(model: MixLora, queries: list[str], about: list[int]) -> None:
    lessons = asked(model.encoder, queries, about)
    training.train(model.encoder, model, lessons, minutes=1, seed=0)


def test_an_heir_grows_where_its_questions_are_out_and_says_so(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = begun(tiny_encoder, monkeypatch)
    spoken = through(model)
    out = shares_out(model, WEST, mixlora.SIGMA)
    monkeypatch.setattr(mixlora, "DELTA", max(out))
    heir = model.heir("e2", 3, WEST)
    firing = [layer for layer, share in enumerate(out) if share >= max(out)]
    assert sorted(heir.open) == firing
    assert heir.inherited == model.sizes
    assert f"layers {firing} of e1 grew" in str(heir.story)
    assert heir.parameter_count < model.parameter_count
    taught_like_any_expert(heir, WEST, list(range(8, 16)))
    assert not np.allclose(through(heir), spoken, atol=1e-3)
    assert np.array_equal(through(model), spoken)
    for layer, old in enumerate(model.layers):
        for name, weight in old.items():
            assert torch.equal(heir.weights(layer)[name][: len(weight)], weight)


def test_a_mixture_that_is_a_mean_of_others_learns_its_energies_when_it_settles(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = begun(tiny_encoder, monkeypatch)
    mean = MixLora.new(tiny_encoder, "e2", seed=1)
    mean.restore(model.state())
    assert not mean.energies.mean
    mean.settle(EAST)
    assert [len(row) for row in mean.energies.mean] == mean.sizes
    seen = [torch.cat(tokens) for tokens in zip(*cosines_of(model, EAST), strict=True)]
    best = seen[0].argsort(dim=1, descending=True)[:, :2]
    own = energy_of(seen[0])[(best == 0).any(dim=1)]
    assert mean.energies.mean[0][0] == pytest.approx(float(own.sum() / (len(own) + 1)), abs=1e-5)


def test_an_heir_that_nothing_is_new_to_learns_nothing(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = begun(tiny_encoder, monkeypatch)
    monkeypatch.setattr(mixlora, "DELTA", 1.1)
    heir = model.heir("e2", 3, WEST)
    taught_like_any_expert(heir, WEST, list(range(8, 16)))
    assert heir.parameter_count == 0
    assert np.array_equal(through(heir), through(model))


def test_what_was_inherited_is_never_written_to(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = begun(tiny_encoder, monkeypatch)
    monkeypatch.setattr(mixlora, "DELTA", 0.0)
    heir = model.heir("e2", 3, WEST)
    rest = heir.rest_hash()
    heir.restore({name: weight + 1 for name, weight in heir.state().items()})
    assert heir.rest_hash() == rest
    for name, weight in model.state().items():
        assert torch.equal(heir.state()[name][: len(weight)], weight)
        assert (heir.state()[name][len(weight) :] != 0).any()


def test_a_copy_and_a_folder_keep_what_was_inherited(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    model = begun(tiny_encoder, monkeypatch)
    monkeypatch.setattr(mixlora, "DELTA", 0.0)
    heir = model.heir("e2", 3, WEST)
    taught_like_any_expert(heir, WEST, list(range(8, 16)))
    heir.save(tmp_path)
    for again in (heir.copy("e3"), MixLora.load(tiny_encoder, "e3", tmp_path)):
        assert again.parameter_count == heir.parameter_count > 0
        assert np.array_equal(through(again), through(heir))
        assert again.energies.as_json() == heir.energies.as_json()


def test_a_mixture_that_is_taught_both_sides_pays_for_its_queries(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = MixLora.new(tiny_encoder, "e1", seed=1)
    course = BothSidesCourse(tiny_encoder, asked(tiny_encoder, EAST, list(range(8))), TEXTS, seed=0)
    paid: list[int] = []

    def penalty(lengths: list[int]) -> float:
        paid.extend(lengths)
        return 7.0

    with torch.no_grad(), model.attached():
        monkeypatch.setattr(model, "penalty", lambda lengths: 0.0)
        free = float(course.loss(course.rows))
        monkeypatch.setattr(model, "penalty", penalty)
        assert float(course.loss(course.rows)) == pytest.approx(free + 7.0, abs=1e-4)
    learning = [len(course.query_tokens[row]) for row in course.learn]
    assert sorted(paid) == sorted(learning)


def test_its_routers_learn_when_it_is_taught_both_sides(tiny_encoder: Encoder) -> None:
    model = MixLora.new(tiny_encoder, "e1", seed=1)
    lessons = asked(tiny_encoder, EAST, list(range(8)))
    before = [layer["router"].clone() for layer in model.open.values()]
    train_both(tiny_encoder, model, lessons, TEXTS, minutes=1, seed=0)
    for layer, router in zip(model.open.values(), before, strict=True):
        assert not torch.equal(layer["router"], router)
    assert model.energies.mean
