"""What is a prefix expert's own; what all experts share is in test_experts.py."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import WORDS
from transformers import AutoConfig, AutoModel

from nightshift.errors import EncoderError
from pipeline.checkpoint import locate
from pipeline.encoder import Encoder
from pipeline.experts import prefix
from pipeline.experts.prefix import PrefixExpert

TEXTS = [" ".join(WORDS[n : n + 6]) for n in range(0, 120, 6)]
SMALL = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "vocab_size": 500,
    "max_position_embeddings": 130,
    "pad_token_id": 0,
}

Make = Callable[[str], Encoder]


@pytest.fixture
def of_family(tiny_encoder_folder: Path, tmp_path: Path) -> Make:
    """A tiny random encoder of an architecture."""

    def make(family: str) -> Encoder:
        folder = tmp_path / family
        shutil.copytree(tiny_encoder_folder, folder)
        (folder / "model.safetensors").unlink()
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            AutoModel.from_config(AutoConfig.for_model(family, **SMALL)).save_pretrained(folder)
        return Encoder(locate(str(folder)))

    return make


@pytest.mark.parametrize("family", ["bert", "roberta", "xlm-roberta", "electra"])
def test_these_take_prefixes(of_family: Make, family: str) -> None:
    encoder = of_family(family)
    frozen = encoder.encode_queries(TEXTS)
    expert = PrefixExpert.new(encoder, "e1", seed=1)
    with expert.attached():
        assert not np.allclose(encoder.encode_queries(TEXTS), frozen, atol=1e-4)
    assert np.array_equal(encoder.encode_queries(TEXTS), frozen)


@pytest.mark.parametrize("family", ["mpnet", "modernbert", "distilbert", "deberta-v2"])
def test_these_are_refused_with_a_sentence_and_stay_as_they_were(
    of_family: Make, family: str
) -> None:
    encoder = of_family(family)
    frozen = encoder.encode_queries(TEXTS)
    with pytest.raises(EncoderError) as refusal:
        PrefixExpert.new(encoder, "e1", seed=1)
    assert f"prefix experts do not work on {family} ({family})" in refusal.value.message
    assert refusal.value.hint == 'expert = "lora"'
    assert encoder.prefixed is None
    assert np.array_equal(encoder.encode_queries(TEXTS), frozen)


def test_an_encoder_that_does_not_listen_is_refused(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some architectures take a prefix and ignore it."""
    monkeypatch.setattr(prefix, "TOKENS", 8)
    forward = tiny_encoder.model.forward

    def deaf(*args: object, past_key_values: object = None, **kwargs: object) -> object:
        kwargs["attention_mask"] = kwargs["attention_mask"][:, -kwargs["input_ids"].shape[1] :]  # type: ignore[index, attr-defined]
        return forward(*args, **kwargs)

    monkeypatch.setattr(tiny_encoder.model, "forward", deaf)
    with pytest.raises(EncoderError, match="a prefix changes nothing in what it says"):
        PrefixExpert.new(tiny_encoder, "e1", seed=1)


def test_where_prefix_and_text_share_too_few_positions_it_is_refused(
    tiny_encoder: Encoder,
) -> None:
    with pytest.raises(EncoderError, match="a text could have 0 tokens at most"):
        PrefixExpert.new(tiny_encoder, "e1", seed=1)


def test_a_text_is_cut_to_the_positions_that_the_prefix_leaves(
    tiny_encoder: Encoder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefix, "TOKENS", 16)
    expert = PrefixExpert.new(tiny_encoder, "e1", seed=1)
    long = " ".join(WORDS[:200])
    same_start = " ".join(WORDS[:70])
    with expert.attached():
        vectors = tiny_encoder.encode_queries([long, same_start])
    assert np.allclose(vectors[0], vectors[1], atol=1e-5)
    assert tiny_encoder.longest is None
    expert.detach()


@pytest.mark.parametrize("family", ["roberta", "xlm-roberta"])
def test_of_whoever_counts_from_behind_the_padding_a_text_is_cut_earlier(
    of_family: Make, monkeypatch: pytest.MonkeyPatch, family: str
) -> None:
    monkeypatch.setitem(SMALL, "max_position_embeddings", prefix.TOKENS + 40)
    monkeypatch.setitem(SMALL, "pad_token_id", 1)
    encoder = of_family(family)
    expert = PrefixExpert.new(encoder, "e1", seed=1)
    with expert.attached():
        assert encoder.longest == 38
        encoder.encode_queries([" ".join(WORDS[:200])])


def test_its_size_is_two_vectors_a_token_and_layer(of_family: Make) -> None:
    expert = PrefixExpert.new(of_family("bert"), "e1", seed=1)
    assert expert.parameter_count == prefix.TOKENS * 2 * SMALL["num_hidden_layers"] * 32


def test_the_folder_names_the_method_for_plain_peft(of_family: Make, tmp_path: Path) -> None:
    folder = tmp_path / "kept"
    folder.mkdir()
    PrefixExpert.new(of_family("bert"), "e1", seed=1).save(folder)
    page = json.loads((folder / "adapter_config.json").read_text())
    assert page["peft_type"] == "PREFIX_TUNING"
    assert page["num_virtual_tokens"] == prefix.TOKENS
