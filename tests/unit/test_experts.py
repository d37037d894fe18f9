"""An expert is a guest: it changes what the encoder says while attached, and nothing else.

Every method passes the same tests.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import WORDS, weights_hash
from peft import PeftModel
from safetensors.torch import load_file, save_file
from transformers import AutoModel

from nightshift.errors import EncoderError
from pipeline.checkpoint import locate
from pipeline.encoder import Encoder, Vectors
from pipeline.experts import prefix
from pipeline.experts.methods import OF_PEFT
from pipeline.experts.tuned import WEIGHTS, Tuned, weights_in

TEXTS = [" ".join(WORDS[n : n + 6]) for n in range(0, 120, 6)]

Method = type[Tuned]


@pytest.fixture(params=OF_PEFT.values(), ids=OF_PEFT)
def method(request: pytest.FixtureRequest) -> Method:
    chosen: Method = request.param
    return chosen


@pytest.fixture
def expert(tiny_encoder: Encoder, method: Method) -> Iterator[Tuned]:
    """An expert that has learned something, whatever it is."""
    taught = learned(method.new(tiny_encoder, "e1", seed=1))
    yield taught
    if taught.name in present(tiny_encoder):
        taught.detach()


def present(encoder: Encoder) -> set[str]:
    """The names of the experts in the encoder."""
    homes = (home for home in (encoder.adapted, encoder.prefixed) if home is not None)
    return {name for home in homes for name in home.peft_config}


@pytest.fixture(autouse=True)
def short_prefixes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tiny encoder has few positions."""
    monkeypatch.setattr(prefix, "TOKENS", 8)


def learned(expert: Tuned, seed: int = 5) -> Tuned:
    generator = torch.Generator().manual_seed(seed)
    expert.restore(
        {
            name: torch.randn(weight.shape, generator=generator) / 4
            for name, weight in expert.state().items()
        }
    )
    return expert


def through(expert: Tuned) -> Vectors:
    with expert.attached():
        return expert.encoder.encode_queries(TEXTS)


def test_an_expert_speaks_only_while_attached(tiny_encoder: Encoder, method: Method) -> None:
    before = tiny_encoder.encode_documents(TEXTS)
    expert = learned(method.new(tiny_encoder, "e1", seed=1))
    assert np.array_equal(tiny_encoder.encode_queries(TEXTS), before.vectors)
    assert not np.allclose(through(expert), before.vectors, atol=0.01)
    after = tiny_encoder.encode_documents(TEXTS)
    assert np.array_equal(after.vectors, before.vectors)
    assert np.array_equal(after.layers, before.layers)
    expert.detach()
    assert np.array_equal(tiny_encoder.encode_queries(TEXTS), before.vectors)


def test_documents_go_through_it_like_queries(expert: Tuned) -> None:
    spoken = through(expert)
    with expert.attached():
        encoded = expert.encoder.encode_documents(TEXTS)
    assert np.allclose(encoded.vectors, spoken, atol=1e-6)
    assert encoded.layers.shape == (len(TEXTS), expert.encoder.layer_count, 32)


def test_what_it_says_does_not_depend_on_the_batch(expert: Tuned) -> None:
    texts = [TEXTS[0], " ".join(WORDS[:30]), WORDS[3]]
    with expert.attached():
        together = expert.encoder.encode_queries(texts)
        alone = np.concatenate([expert.encoder.encode_queries([text]) for text in texts])
    assert np.allclose(together, alone, atol=1e-5)


def test_the_encoder_is_frozen_again_after_an_error_inside(expert: Tuned) -> None:
    frozen = expert.encoder.encode_queries(TEXTS)
    with pytest.raises(ZeroDivisionError), expert.attached():
        raise ZeroDivisionError
    assert np.array_equal(expert.encoder.encode_queries(TEXTS), frozen)
    assert expert.encoder.guest is None


def test_detaching_leaves_no_trace(tiny_encoder: Encoder, method: Method) -> None:
    modules = [name for name, _ in tiny_encoder.model.named_modules()]
    before = weights_hash(tiny_encoder)
    for _ in range(2):
        learned(method.new(tiny_encoder, "e1", seed=1)).detach()
        assert [name for name, _ in tiny_encoder.model.named_modules()] == modules
        assert weights_hash(tiny_encoder) == before
        assert not present(tiny_encoder)


@pytest.mark.parametrize("neighbour", OF_PEFT.values(), ids=OF_PEFT)
def test_two_experts_do_not_disturb_each_other(
    tiny_encoder: Encoder, expert: Tuned, neighbour: Method
) -> None:
    """Whatever their methods are, and whichever came first."""
    frozen, first = tiny_encoder.encode_queries(TEXTS), through(expert)
    other = learned(neighbour.new(tiny_encoder, "e2", seed=2), seed=6)
    second = through(other)
    assert not np.allclose(first, second, atol=0.01)
    assert np.array_equal(through(expert), first)
    assert np.array_equal(tiny_encoder.encode_queries(TEXTS), frozen)
    expert.detach()
    assert np.array_equal(through(other), second)
    assert np.array_equal(tiny_encoder.encode_queries(TEXTS), frozen)
    other.detach()


def test_a_name_is_taken_once(tiny_encoder: Encoder, expert: Tuned, method: Method) -> None:
    spoken = through(expert)
    with pytest.raises(EncoderError, match="the expert e1 is in the encoder already"):
        method.new(tiny_encoder, "e1", seed=2)
    assert np.array_equal(through(expert), spoken)


def test_the_seed_decides_the_first_weights_and_nothing_outside(
    tiny_encoder: Encoder, method: Method
) -> None:
    before = torch.get_rng_state()
    experts = [method.new(tiny_encoder, f"e{n}", seed) for n, seed in enumerate((7, 7, 8))]
    assert torch.equal(torch.get_rng_state(), before)
    same, again, other = (expert.state() for expert in experts)
    assert all(torch.equal(same[name], again[name]) for name in same)
    assert any(not torch.equal(same[name], other[name]) for name in same)
    for expert in experts:
        expert.detach()


@pytest.mark.parametrize("neighbour", OF_PEFT.values(), ids=OF_PEFT)
def test_training_opens_exactly_its_own_weights(
    tiny_encoder: Encoder, expert: Tuned, neighbour: Method
) -> None:
    other = neighbour.new(tiny_encoder, "e1-2", seed=2)
    opened = expert.trainable()
    named = weights_in(tiny_encoder)
    open_names = {name for name, parameter in named.items() if parameter.requires_grad}
    assert all(".e1." in name for name in open_names)
    assert {id(parameter) for parameter in opened} == {id(named[name]) for name in open_names}
    assert sum(parameter.numel() for parameter in opened) == expert.parameter_count
    with expert.attached():
        assert {n for n, p in named.items() if p.requires_grad} == open_names
    expert.freeze()
    assert not any(parameter.requires_grad for parameter in named.values())
    with expert.attached():
        assert not any(parameter.requires_grad for parameter in named.values())
    other.detach()


def test_gradients_reach_its_weights_and_only_its_weights(expert: Tuned) -> None:
    expert.trainable()
    with expert.attached():
        tokens = expert.encoder.tokenise(TEXTS[:2], "query")
        expert.encoder.embed(tokens).square()[:, 0].sum().backward()
    for name, parameter in weights_in(expert.encoder).items():
        assert (parameter.grad is not None) == (".e1." in name)
    expert.freeze()


def test_an_expert_comes_back_from_its_folder_bit_for_bit(
    tiny_encoder: Encoder, expert: Tuned, method: Method, tmp_path: Path
) -> None:
    expert.save(tmp_path)
    spoken = through(expert)
    expert.detach()
    again = method.load(tiny_encoder, "e9", tmp_path)
    assert np.array_equal(through(again), spoken)
    assert not any(parameter.requires_grad for parameter in weights_in(tiny_encoder).values())
    again.detach()


def test_the_folder_holds_two_plain_files_and_no_path_of_this_machine(
    tiny_encoder_folder: Path, method: Method, tmp_path: Path
) -> None:
    encoder = Encoder(locate(str(tiny_encoder_folder)))
    method.new(encoder, "e1", seed=1).save(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["adapter_config.json", WEIGHTS]
    page = (tmp_path / "adapter_config.json").read_text()
    assert json.loads(page)["base_model_name_or_path"] == tiny_encoder_folder.name
    for place in (str(tiny_encoder_folder), str(tmp_path), str(Path.home())):
        assert place not in page
        assert place.encode() not in (tmp_path / WEIGHTS).read_bytes()


def test_the_same_expert_is_always_the_same_files(expert: Tuned, tmp_path: Path) -> None:
    for name in ("once", "twice"):
        (tmp_path / name).mkdir()
        expert.save(tmp_path / name)
        expert.trainable()
    expert.freeze()
    for name in ("adapter_config.json", WEIGHTS):
        assert (tmp_path / "once" / name).read_bytes() == (tmp_path / "twice" / name).read_bytes()


def test_weights_that_do_not_fit_are_refused_and_leave_no_trace(
    tiny_encoder: Encoder, expert: Tuned, method: Method, tmp_path: Path
) -> None:
    spoken = through(expert)
    expert.save(tmp_path)
    weights = load_file(tmp_path / WEIGHTS)
    wider = {name: torch.cat([weight, weight], dim=1) for name, weight in weights.items()}
    fewer = dict(list(weights.items())[1:])
    for wrong in (wider, fewer):
        save_file(wrong, tmp_path / WEIGHTS)
        with pytest.raises(EncoderError, match="the weights of e2 do not fit this encoder"):
            method.load(tiny_encoder, "e2", tmp_path)
        with pytest.raises(EncoderError, match="the weights of e1 do not fit this encoder"):
            expert.restore(wrong)
    (tmp_path / WEIGHTS).write_bytes(b"not weights")
    with pytest.raises(Exception, match="header"):
        method.load(tiny_encoder, "e2", tmp_path)
    assert present(tiny_encoder) == {"e1"}
    assert np.array_equal(through(expert), spoken)


def test_a_copy_of_its_weights_does_not_change_with_it(expert: Tuned) -> None:
    spoken, kept = through(expert), expert.state()
    learned(expert, seed=9)
    assert not np.allclose(through(expert), spoken, atol=0.01)
    expert.restore(kept)
    assert np.array_equal(through(expert), spoken)


@pytest.mark.parametrize("neighbour", OF_PEFT.values(), ids=OF_PEFT)
def test_the_rest_is_every_weight_but_its_own(
    tiny_encoder: Encoder, expert: Tuned, neighbour: Method
) -> None:
    other = neighbour.new(tiny_encoder, "e2", seed=2)
    rest, rest_of_other = expert.rest_hash(), other.rest_hash()
    learned(expert, seed=7)
    assert expert.rest_hash() == rest
    assert other.rest_hash() != rest_of_other
    weight = tiny_encoder.model.get_parameter("embeddings.LayerNorm.bias")
    before = weight.detach().clone()
    weight.data[3] += 1e-3
    assert expert.rest_hash() != rest
    weight.data.copy_(before)
    assert expert.rest_hash() == rest
    other.detach()


# Plain peft asks transformers for a name that is about to go, as it does for everyone.
@pytest.mark.filterwarnings("ignore:.*is_gradient_checkpointing")
def test_plain_peft_loads_the_folder(
    tiny_encoder_folder: Path, expert: Tuned, tmp_path: Path
) -> None:
    expert.save(tmp_path)
    model = AutoModel.from_pretrained(tiny_encoder_folder)
    theirs = PeftModel.from_pretrained(model, tmp_path).eval()
    spoken = through(expert)
    for text, vector in zip(TEXTS, spoken, strict=True):
        ids = torch.tensor(expert.encoder.tokenise([text], "query"))
        with torch.no_grad():
            states = theirs(ids).last_hidden_state[0].mean(dim=0)
        assert np.allclose((states / states.norm()).numpy(), vector, atol=1e-5)
