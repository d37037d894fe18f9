"""A general prefix: keys and values before those of every text, query and passage alike.

    P_passage = P_g          P_query = P_g + Σ_i b_i P_i

DDR, "Dynamic Dense Retrieval" (arXiv 2602.22547). It is part of the encoder and as frozen: vectors
with it and vectors without it are not comparable, so its bytes are in the encoder's fingerprint. A
checkpoint has one where its folder holds `general/`, in peft's format. Prefix experts add theirs
to it; experts of other methods work inside the network, beside it.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterable
from fnmatch import fnmatch
from pathlib import Path

from pipeline.checkpoint import GENERAL, Checkpoint
from pipeline.encoder import Encoder
from pipeline.experts.prefix import PrefixExpert
from pipeline.experts.weights import Weights

READ = ("*.json", "*.txt", "*.model", "model.safetensors", "1_Pooling")
"""What of a checkpoint's folder is ever read; none of it is code."""


def put_before(encoder: Encoder, folder: Path) -> None:
    """From now on the encoder reads everything behind the prefix that lies in the folder."""
    prefix = PrefixExpert.load(encoder, GENERAL, folder)
    prefix.become_general()


def write_checkpoint(checkpoint: Checkpoint, prefix: PrefixExpert, folder: Path) -> None:
    """The same encoder with this prefix before everything; one that it has already is added."""
    shutil.copytree(
        checkpoint.folder,
        folder,
        ignore=_unread,
        copy_function=shutil.copyfile,
        dirs_exist_ok=True,
    )
    (folder / GENERAL).mkdir()
    own = prefix.state()
    prefix.restore(_sum(own, prefix.general_state()))
    try:
        prefix.save(folder / GENERAL)
    finally:
        prefix.restore(own)


def _unread(folder: str, names: Iterable[str]) -> list[str]:
    return [name for name in names if not any(fnmatch(name, wanted) for wanted in READ)]


def _sum(one: Weights, other: Weights | None) -> Weights:
    return one if other is None else {name: one[name] + other[name] for name in one}
