"""What tests share: a tiny random encoder, also as sentence-transformers saves it, and MLflow."""

from __future__ import annotations

import os
import tempfile

# Before anything imports the hub's client: no test may ask the network for anything.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"
# Prefect writes to the home folder of whoever imports it.
os.environ["PREFECT_HOME"] = tempfile.mkdtemp()

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest
import torch
from hypothesis import settings
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from flows.mirror import QUIET_AND_QUICK
from pipeline.checkpoint import read_checkpoint
from pipeline.encoder import Encoder

# The same examples every time, however slow the machine.
settings.register_profile("house", deadline=None, derandomize=True, max_examples=50)
settings.load_profile("house")

WORDS = tuple("".join(pair) for pair in product(("ba", "ki", "lo", "mu", "ne"), repeat=4))[:400]
"""All that the tiny encoder can read."""
SENTENCE_MODULES = ("Transformer", "Pooling", "Normalize")
INITIALISE = """
import sys
import flows.deliver
from mlflow import MlflowClient
assert "torch" not in sys.modules, "who only tells MLflow waits for torch"
MlflowClient(sys.argv[1]).search_experiments()
"""


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a power cut loses what was not synced, and few tests are about one."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture(scope="session")
def tiny_encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random BERT of three layers, the same every time; tests copy it before they change it."""
    folder = tmp_path_factory.mktemp("encoder") / "tiny"
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    tokenizer = Tokenizer(
        models.WordLevel({token: place for place, token in enumerate(tokens)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=64
    ).save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(tokens),
        hidden_size=32,
        num_hidden_layers=3,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.1,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def shared_encoder(tiny_encoder_folder: Path) -> Encoder:
    return Encoder(read_checkpoint(tiny_encoder_folder))


@pytest.fixture
def tiny_encoder(shared_encoder: Encoder) -> Iterator[Encoder]:
    """The tiny encoder in memory, shared by all tests: each leaves it as it found it."""
    before = weights_hash(shared_encoder)
    yield shared_encoder
    for place in ("adapted", "prefixed", "through", "guest"):
        assert getattr(shared_encoder, place) is None, "the test left an expert in the encoder"
    assert weights_hash(shared_encoder) == before, "the test changed the encoder"


@pytest.fixture
def sentence_folder(tiny_encoder_folder: Path, tmp_path: Path) -> Callable[..., Path]:
    """Make the tiny encoder's folder as sentence-transformers would save it."""

    def make(
        pooling: str | dict[str, Any] = "mean",
        modules: tuple[str, ...] = SENTENCE_MODULES,
        max_length: int | None = None,
        prompts: dict[str, str] | None = None,
    ) -> Path:
        folder = tmp_path / f"sentence{len(list(tmp_path.iterdir()))}"
        shutil.copytree(tiny_encoder_folder, folder)
        listing = [
            {"idx": place, "name": str(place), "path": "", "type": f"library.models.{name}"}
            for place, name in enumerate(modules)
        ]
        (folder / "modules.json").write_text(json.dumps(listing))
        if isinstance(pooling, str):
            keys = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}
            pooling = {f"pooling_mode_{key}": pooling == name for name, key in keys.items()}
        (folder / "1_Pooling").mkdir()
        (folder / "1_Pooling" / "config.json").write_text(json.dumps(pooling))
        if max_length is not None:
            page = {"max_seq_length": max_length, "do_lower_case": False}
            (folder / "sentence_bert_config.json").write_text(json.dumps(page))
        if prompts is not None:
            page = {"prompts": prompts, "default_prompt_name": None}
            (folder / "config_sentence_transformers.json").write_text(json.dumps(page))
        return folder

    return make


@pytest.fixture(scope="session")
def empty_mlflow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A database with MLflow's tables and nothing in them: making those takes seconds."""
    file = tmp_path_factory.mktemp("mlflow") / "mlflow.db"
    command = [sys.executable, "-c", INITIALISE, f"sqlite:///{file}"]
    subprocess.run(command, check=True, capture_output=True, env={**os.environ, **QUIET_AND_QUICK})
    return file


def weights_hash(encoder: Encoder) -> str:
    """SHA-256 over the encoder's weights by name, whether they are open for training included."""
    digest = hashlib.sha256()
    for name, weight in sorted(encoder.model.named_parameters()):
        digest.update(f"{name} {weight.requires_grad}".encode())
        digest.update(weight.detach().numpy().tobytes())
    return digest.hexdigest()
