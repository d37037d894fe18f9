"""The encoder does what the checkpoint's makers do with it, in any company and any order."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from conftest import WORDS
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import load_file, save_file
from transformers import AutoModel, AutoTokenizer

from nightshift.errors import EncoderError
from pipeline.checkpoint import read_checkpoint
from pipeline.encoder import Encoder, batches

Folders = Callable[..., Path]
TEXTS = [" ".join(WORDS[n : n + 1 + n % 37]) for n in range(0, 300, 7)]


def directly(folder: Path, text: str, length: int = 64) -> list[torch.Tensor]:
    """The hidden states of one text, by transformers alone."""
    tokenizer = AutoTokenizer.from_pretrained(str(folder))
    model = AutoModel.from_pretrained(str(folder)).eval()
    ids = tokenizer(text, truncation=True, max_length=length, return_tensors="pt")["input_ids"]
    with torch.no_grad():
        return [states[0] for states in model(ids, output_hidden_states=True).hidden_states]


POOLINGS: dict[str, Callable[[torch.Tensor], torch.Tensor]] = {
    "mean": lambda states: states.mean(dim=0),
    "cls": lambda states: states[0],
    "max": lambda states: states.max(dim=0).values,
}


@pytest.mark.parametrize("normalises", [True, False])
@pytest.mark.parametrize("pooling", POOLINGS)
def test_vectors_are_pooled_as_the_folder_asks_and_normalised_in_any_case(
    sentence_folder: Folders, pooling: str, normalises: bool
) -> None:
    modules = ("Transformer", "Pooling", "Normalize")[: 3 if normalises else 2]
    folder = sentence_folder(pooling, modules=modules)
    encoder = Encoder(read_checkpoint(folder))
    vectors = encoder.encode_documents(TEXTS[:3]).vectors
    for text, vector in zip(TEXTS[:3], vectors, strict=True):
        expected = POOLINGS[pooling](directly(folder, text)[-1])
        assert np.allclose(vector, (expected / expected.norm()).numpy(), atol=1e-5)
    assert np.array_equal(vectors, encoder.encode_queries(TEXTS[:3]))


def test_layers_are_the_mean_states_of_every_layer(
    tiny_encoder: Encoder, tiny_encoder_folder: Path
) -> None:
    encoded = tiny_encoder.encode_documents(TEXTS)
    assert encoded.layers.shape == (len(TEXTS), 4, 32)
    assert encoded.layers.dtype == np.float16
    assert encoded.vectors.dtype == np.float32
    for row in (0, 5):
        states = torch.stack(directly(tiny_encoder_folder, TEXTS[row]))
        assert np.allclose(encoded.layers[row], states.mean(dim=1).numpy(), atol=2e-3)


def test_prompts_come_before_the_texts_of_their_side(sentence_folder: Folders) -> None:
    prompts = {"query": f"{WORDS[300]} ", "document": f"{WORDS[301]} {WORDS[302]} "}
    told = Encoder(read_checkpoint(sentence_folder(prompts=prompts)))
    plain = Encoder(read_checkpoint(sentence_folder()))
    asked = plain.encode_queries([prompts["query"] + text for text in TEXTS])
    written = plain.encode_documents([prompts["document"] + text for text in TEXTS])
    assert np.array_equal(told.encode_queries(TEXTS), asked)
    assert np.array_equal(told.encode_documents(TEXTS).vectors, written.vectors)
    assert not np.allclose(asked, written.vectors, atol=1e-3)


def test_a_text_is_cut_at_the_maximum_length(sentence_folder: Folders) -> None:
    encoder = Encoder(read_checkpoint(sentence_folder(max_length=12)))
    words = list(WORDS[:200])
    whole, cut, shorter = (encoder.encode_queries([" ".join(words[:n])]) for n in (200, 10, 9))
    assert np.array_equal(whole, cut)
    assert not np.allclose(cut, shorter, atol=1e-3)


def test_vectors_do_not_depend_on_the_company_or_the_order(tiny_encoder: Encoder) -> None:
    together = tiny_encoder.encode_documents(TEXTS)
    backwards = tiny_encoder.encode_documents(TEXTS[::-1])
    assert np.allclose(together.vectors, backwards.vectors[::-1], atol=1e-5)
    assert np.array_equal(tiny_encoder.encode_queries(TEXTS), together.vectors)
    for row, text in enumerate(TEXTS):
        alone = tiny_encoder.encode_documents([text])
        assert np.allclose(alone.vectors[0], together.vectors[row], atol=1e-5)
        assert np.allclose(alone.layers[0], together.layers[row], atol=2e-3)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_does_not_leak_into_a_short_text(sentence_folder: Folders, pooling: str) -> None:
    encoder = Encoder(read_checkpoint(sentence_folder(pooling)))
    short, long = WORDS[5], " ".join(WORDS[:60])
    tokens = encoder.tokenise([short, long], "document")
    with torch.inference_mode():
        padded, alone = encoder.embed(tokens)[0], encoder.embed(tokens[:1])[0]
    assert torch.allclose(padded, alone, atol=1e-5)


def test_encoding_twice_gives_the_same_bits(tiny_encoder: Encoder) -> None:
    once, twice = (tiny_encoder.encode_documents(TEXTS) for _ in range(2))
    assert np.array_equal(once.vectors, twice.vectors)
    assert np.array_equal(once.layers, twice.layers)


def test_nothing_to_encode_gives_no_rows(tiny_encoder: Encoder) -> None:
    encoded = tiny_encoder.encode_documents([])
    assert encoded.vectors.shape == (0, 32)
    assert encoded.layers.shape == (0, 4, 32)
    assert tiny_encoder.encode_queries([]).shape == (0, 32)


def test_an_empty_text_has_a_vector(tiny_encoder: Encoder) -> None:
    vectors = tiny_encoder.encode_documents(["", TEXTS[0]]).vectors
    assert np.allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)


def test_progress_ends_when_all_is_encoded(tiny_encoder: Encoder) -> None:
    told: list[tuple[str, int, int]] = []
    tiny_encoder.encode_documents(TEXTS * 3, lambda *state: told.append(state))
    assert len(told) > 1
    assert told[-1] == ("encoding", len(TEXTS) * 3, len(TEXTS) * 3)
    assert all(a[1] < b[1] for a, b in itertools.pairwise(told))


@given(st.lists(st.integers(1, 300), max_size=60), st.integers(1, 2000))
def test_batches_hold_each_row_once_and_stay_within_the_budget(
    lengths: list[int], budget: int
) -> None:
    cut = list(batches(lengths, budget))
    assert sorted(row for rows in cut for row in rows) == list(range(len(lengths)))
    for rows in cut:
        longest = max(lengths[row] for row in rows)
        assert len(rows) == 1 or len(rows) * longest <= budget
    in_order = [lengths[row] for rows in cut for row in rows]
    assert in_order == sorted(lengths)


@given(st.lists(st.integers(1, 300), min_size=2, max_size=60), st.integers(300, 2000))
def test_no_two_neighbouring_batches_would_have_fitted_in_one(
    lengths: list[int], budget: int
) -> None:
    for a, b in itertools.pairwise(batches(lengths, budget)):
        assert (len(a) + 1) * lengths[b[0]] > budget


def changed_weights(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.word_embeddings.weight"][5, 7] += 1
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def changed_tokenizer(folder: Path) -> None:
    page = json.loads((folder / "tokenizer.json").read_text())
    vocabulary = page["model"]["vocab"]
    vocabulary[WORDS[0]], vocabulary[WORDS[1]] = vocabulary[WORDS[1]], vocabulary[WORDS[0]]
    (folder / "tokenizer.json").write_text(json.dumps(page))


def changed_config(folder: Path) -> None:
    page = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(page | {"hidden_act": "relu"}))


@pytest.mark.parametrize("change", [changed_weights, changed_tokenizer, changed_config])
def test_other_files_have_another_fingerprint_and_other_vectors(
    tiny_encoder: Encoder,
    sentence_folder: Folders,
    change: Callable[[Path], None],
) -> None:
    folder = sentence_folder()
    same = Encoder(read_checkpoint(folder))
    change(folder)
    other = Encoder(read_checkpoint(folder))
    assert same.fingerprint == tiny_encoder.fingerprint != other.fingerprint
    assert not np.array_equal(same.encode_queries(TEXTS), other.encode_queries(TEXTS))


def test_another_use_of_the_same_files_has_another_fingerprint(sentence_folder: Folders) -> None:
    uses: list[dict[str, Any]] = [
        {},
        {"pooling": "cls"},
        {"pooling": "max"},
        {"max_length": 20},
        {"prompts": {"query": "q: "}},
        {"prompts": {"document": "q: "}},
    ]
    prints = {Encoder(read_checkpoint(sentence_folder(**use))).fingerprint for use in uses}
    assert len(prints) == len(uses)


def test_the_fingerprint_does_not_depend_on_the_place_or_the_name(
    tiny_encoder: Encoder, tiny_encoder_folder: Path, tmp_path: Path
) -> None:
    shutil.copytree(tiny_encoder_folder, tmp_path / "elsewhere")
    (tmp_path / "elsewhere" / "README.md").write_text("a tiny encoder")
    elsewhere = Encoder(read_checkpoint(tmp_path / "elsewhere", name="another name"))
    assert elsewhere.fingerprint == tiny_encoder.fingerprint


def test_weights_are_closed_and_counted(tiny_encoder: Encoder) -> None:
    parameters = list(tiny_encoder.model.parameters())
    assert not any(parameter.requires_grad for parameter in parameters)
    assert tiny_encoder.parameter_count == sum(parameter.numel() for parameter in parameters)
    assert not tiny_encoder.model.training


def test_weights_that_lack_a_part_are_refused(sentence_folder: Folders) -> None:
    folder = sentence_folder()
    weights = load_file(folder / "model.safetensors")
    del weights["encoder.layer.1.output.dense.weight"]
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match=r"encoder\.layer\.1\.output\.dense\.weight"):
        Encoder(read_checkpoint(folder))


def shortened(folder: Path) -> None:
    data = (folder / "model.safetensors").read_bytes()
    (folder / "model.safetensors").write_bytes(data[:-100])


def reshaped(folder: Path) -> None:
    weights = load_file(folder / "model.safetensors")
    weights["embeddings.LayerNorm.weight"] = torch.ones(31)
    save_file(weights, folder / "model.safetensors", metadata={"format": "pt"})


def unnamed(folder: Path) -> None:
    (folder / "config.json").write_text('{"model_type": "of no library"}')


def untokenised(folder: Path) -> None:
    (folder / "tokenizer.json").write_text("{}")


@pytest.mark.parametrize("damage", [shortened, reshaped, unnamed, untokenised])
def test_a_folder_that_cannot_be_loaded_is_refused(
    sentence_folder: Folders, damage: Callable[[Path], None]
) -> None:
    folder = sentence_folder()
    damage(folder)
    with pytest.raises(EncoderError, match=f"{folder.name} cannot be loaded"):
        Encoder(read_checkpoint(folder))


def test_weights_without_the_unused_pooler_will_do(
    tiny_encoder: Encoder, sentence_folder: Folders
) -> None:
    folder = sentence_folder()
    weights = load_file(folder / "model.safetensors")
    kept = {name: weight for name, weight in weights.items() if not name.startswith("pooler.")}
    assert len(kept) == len(weights) - 2
    save_file(kept, folder / "model.safetensors", metadata={"format": "pt"})
    vectors = Encoder(read_checkpoint(folder)).encode_queries(TEXTS)
    assert np.array_equal(vectors, tiny_encoder.encode_queries(TEXTS))
