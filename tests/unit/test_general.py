"""A general prefix is part of the encoder: everything is read behind it, and it never moves."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import WORDS
from safetensors.torch import load_file, save_file

from nightshift.errors import EncoderError
from pipeline.checkpoint import locate
from pipeline.encoder import Encoder
from pipeline.experts import prefix
from pipeline.experts.lora import LoraExpert
from pipeline.experts.prefix import PrefixExpert
from pipeline.experts.tuned import WEIGHTS
from pipeline.general import write_checkpoint

TEXTS = [" ".join(WORDS[n : n + 6]) for n in range(0, 120, 6)]
TOKENS = 8


@pytest.fixture(autouse=True)
def short_prefixes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(prefix, "TOKENS", TOKENS)


@pytest.fixture
def learned(tiny_encoder: Encoder) -> Iterator[PrefixExpert]:
    expert = PrefixExpert.new(tiny_encoder, "tuned", seed=1)
    expert.restore({name: 10 * weight for name, weight in expert.state().items()})
    yield expert
    expert.detach()


@pytest.fixture
def folder(tiny_encoder: Encoder, learned: PrefixExpert, tmp_path: Path) -> Path:
    write_checkpoint(tiny_encoder.checkpoint, learned, tmp_path / "with")
    return tmp_path / "with"


@pytest.fixture
def encoder(folder: Path) -> Encoder:
    return Encoder(locate(str(folder)))


def test_queries_and_passages_are_what_they_are_through_the_prefix(
    tiny_encoder: Encoder, learned: PrefixExpert, encoder: Encoder
) -> None:
    with learned.attached():
        through = tiny_encoder.encode_documents(TEXTS)
        asked = tiny_encoder.encode_queries(TEXTS)
    assert not np.allclose(through.vectors, tiny_encoder.encode_queries(TEXTS), atol=1e-3)
    found = encoder.encode_documents(TEXTS)
    assert np.array_equal(found.vectors, through.vectors)
    assert np.array_equal(found.layers, through.layers)
    assert np.array_equal(encoder.encode_queries(TEXTS), asked)
    assert encoder.parameter_count - tiny_encoder.parameter_count == learned.parameter_count


def test_it_is_another_encoder_by_every_byte_of_the_prefix(
    tiny_encoder: Encoder, encoder: Encoder, folder: Path
) -> None:
    assert encoder.fingerprint != tiny_encoder.fingerprint
    weights = load_file(folder / "general" / WEIGHTS)
    save_file(
        {name: weight + 1e-6 for name, weight in weights.items()}, folder / "general" / WEIGHTS
    )
    assert Encoder(locate(str(folder))).fingerprint != encoder.fingerprint


def test_a_prefix_expert_is_added_to_it_and_leaves_it_as_it_was(
    tiny_encoder: Encoder, learned: PrefixExpert, encoder: Encoder
) -> None:
    before = encoder.encode_queries(TEXTS)
    expert = PrefixExpert.new(encoder, "e1", seed=2)
    assert np.array_equal(encoder.encode_queries(TEXTS), before)
    own = expert.state()
    twin = PrefixExpert.new(tiny_encoder, "sum", seed=0)
    twin.restore({name: weight + learned.state()[name] for name, weight in own.items()})
    with expert.attached(), twin.attached():
        found = encoder.encode_queries(TEXTS)
        assert found == pytest.approx(tiny_encoder.encode_queries(TEXTS), abs=1e-6)
    twin.detach()
    half = torch.full((len(TEXTS), 1), 0.5)
    with expert.blended([expert], half):
        blended = encoder.embed(encoder.tokenise(TEXTS, "query"))
    assert not np.allclose(blended.numpy(), found, atol=1e-4)
    assert np.array_equal(encoder.encode_queries(TEXTS), before)
    expert.detach()
    assert np.array_equal(encoder.encode_queries(TEXTS), before)


def test_an_expert_learns_and_the_general_prefix_does_not(encoder: Encoder) -> None:
    expert = PrefixExpert.new(encoder, "e1", seed=2)
    rest, weights = expert.rest_hash(), expert.trainable()
    with expert.attached():
        for _ in range(2):
            loss = encoder.embed(encoder.tokenise(TEXTS, "query"))[:, 0].sum()
            loss.backward()  # type: ignore[no-untyped-call]
    assert all(weight.grad is not None and weight.grad.any() for weight in weights)
    torch.optim.SGD(weights, lr=1.0).step()
    expert.freeze()
    assert expert.rest_hash() == rest


def test_an_expert_inside_the_network_works_beside_it(encoder: Encoder) -> None:
    before = encoder.encode_queries(TEXTS)
    expert = LoraExpert.new(encoder, "e1", seed=1)
    with expert.attached():
        assert np.array_equal(encoder.encode_queries(TEXTS), before)
        expert.restore({name: weight + 0.1 for name, weight in expert.state().items()})
        assert not np.allclose(encoder.encode_queries(TEXTS), before, atol=1e-3)
    assert np.array_equal(encoder.encode_queries(TEXTS), before)


def test_a_twin_has_it_too_and_no_weight_twice(encoder: Encoder) -> None:
    twin = encoder.twin()
    assert np.array_equal(twin.encode_queries(TEXTS), encoder.encode_queries(TEXTS))
    expert = PrefixExpert.new(twin, "e1", seed=1)
    assert "e1" not in encoder.prefixed.peft_config
    assert expert.rest_hash()
    ours, theirs = encoder.through.parameters(), encoder.twin().through.parameters()
    assert all(one is other for one, other in zip(ours, theirs, strict=True))


def test_one_that_is_tuned_again_has_the_sum(
    tiny_encoder: Encoder, learned: PrefixExpert, encoder: Encoder, tmp_path: Path
) -> None:
    again = PrefixExpert.new(encoder, "tuned", seed=3)
    own = again.state()
    write_checkpoint(encoder.checkpoint, again, tmp_path / "again")
    assert all(torch.equal(own[name], weight) for name, weight in again.state().items())
    with again.attached():
        wanted = encoder.encode_queries(TEXTS)
    tuned = Encoder(locate(str(tmp_path / "again")))
    assert tuned.encode_queries(TEXTS) == pytest.approx(wanted, abs=1e-6)


def test_half_a_prefix_is_refused(folder: Path) -> None:
    (folder / "general" / WEIGHTS).unlink()
    with pytest.raises(EncoderError, match=f"has no general/{WEIGHTS}"):
        locate(str(folder))


def test_no_code_is_copied(
    tiny_encoder_folder: Path, learned: PrefixExpert, tmp_path: Path
) -> None:
    shutil.copytree(tiny_encoder_folder, tmp_path / "odd")
    (tmp_path / "odd" / "modeling.py").write_text("raise SystemExit")
    write_checkpoint(locate(str(tmp_path / "odd")), learned, tmp_path / "with")
    assert not (tmp_path / "with" / "modeling.py").exists()
    assert Encoder(locate(str(tmp_path / "with"))).prefixed is not None
