"""How much memory do a first corpus and a night take, by documents and by length of text?

    python -m bench.memory --out bench/results/memory.json

Every figure is the peak of a process of its own (VmHWM), less what it held before it began
(libraries, encoder): bytes that a batch brings. The encoder is a tiny random one, so an index of
real vectors takes more: four bytes for each dimension of each passage.
"""

from __future__ import annotations

import argparse
import json
import random
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

from bench.told import tell
from flows.bootstrap import bootstrap
from flows.night import update
from flows.settings import Settings
from pipeline.checkpoint import locate
from pipeline.encoder import Encoder
from state.store import Store

WORDS = tuple("".join(parts) for parts in product(("ba", "ki", "lo", "mu", "ne"), repeat=4))
FIRST = 1_000
"""Documents of the first corpus that a measured night follows."""
NO_EXPERTS = Settings(max_experts=0)
"""Training takes what it takes, however large the batch is; here only the batch counts."""


def tiny_encoder(folder: Path, seed: int) -> Path:
    """A random BERT of three layers over WORDS, as a Hugging Face folder."""
    tokens = ["[PAD]", "[UNK]", *WORDS]
    tokenizer = Tokenizer(models.WordLevel({t: n for n, t in enumerate(tokens)}, "[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(  # type: ignore[no-untyped-call]
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=64
    ).save_pretrained(folder)
    torch.manual_seed(seed)
    shape = BertConfig(
        vocab_size=len(tokens),
        hidden_size=48,
        num_hidden_layers=3,
        num_attention_heads=4,
        intermediate_size=96,
        max_position_embeddings=64,
    )
    BertModel(shape, add_pooling_layer=False).save_pretrained(folder)
    return folder


def corpus(file: Path, name: str, documents: int, size: int) -> Path:
    """Documents of about `size` characters of random words, in a file of their own."""
    draw = random.Random(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    with file.open("w") as lines:
        for number in range(documents):
            text = " ".join(draw.choices(WORDS, k=size // 9))
            lines.write(json.dumps({"_id": f"{name}-{number}", "text": f"{text}."}) + "\n")
    return file


def kilobytes(what: str) -> int:
    """A line of /proc/self/status: VmRSS, memory held now, or VmHWM, the most ever held."""
    found = re.search(rf"{what}:\s+(\d+)", Path("/proc/self/status").read_text())
    return int(found[1]) if found else 0


def live_through(verb: str, root: Path, encoder: Path, batch: Path) -> int:
    """Bytes at the peak of an `init` or an `update`, in a process that has done nothing else."""
    Encoder(locate(str(encoder))).encode_documents(["ba ki"])
    before = kilobytes("VmRSS")
    if verb == "init":
        bootstrap(root, [batch], encoder=str(encoder), settings=NO_EXPERTS)
    else:
        update(Store.open(root), [batch])
    return 1024 * (kilobytes("VmHWM") - before)


def measure(verb: str, documents: int, size: int, seed: int) -> dict[str, Any]:
    """A first corpus, or a night after one, of so many documents of that size."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        encoder = tiny_encoder(folder / "encoder", seed)
        batch = corpus(folder / "batch" / "corpus.jsonl", "batch", documents, size)
        if verb == "night":
            first = corpus(folder / "first" / "corpus.jsonl", "first", FIRST, size)
            bootstrap(folder / "store", [first], encoder=str(encoder), settings=NO_EXPERTS)
        words = [verb, folder / "store", encoder, batch]
        told = subprocess.run(
            [sys.executable, "-m", "bench.memory", "--child", *map(str, words)],
            capture_output=True,
            text=True,
            check=True,
        )
        bytes_of_text = batch.stat().st_size
    peak = int(told.stdout)
    return {"verb": verb, "documents": documents, "size": size, "text": bytes_of_text, "peak": peak}


def slopes(rows: Sequence[dict[str, Any]]) -> dict[str, float]:
    """Bytes that each further document takes, by verb and size: a line through the peaks."""
    found = {}
    for verb, size in sorted({(row["verb"], row["size"]) for row in rows}):
        of = [row for row in rows if (row["verb"], row["size"]) == (verb, size)]
        if len(of) > 1:
            line = np.polyfit([row["documents"] for row in of], [row["peak"] for row in of], 1)
            found[f"{verb}, {size} characters"] = round(float(line[0]), 1)
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--documents", type=int, nargs="+", default=[2_000, 8_000, 32_000])
    parser.add_argument("--sizes", type=int, nargs="+", default=[300, 5_000])
    parser.add_argument("--verbs", nargs="+", default=["init", "night"])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", nargs=4, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    if asked.child:
        verb, *places = asked.child
        print(live_through(verb, *map(Path, places)))
        return
    worlds = product(asked.verbs, asked.documents, asked.sizes)
    rows = [measure(verb, documents, size, asked.seed) for verb, documents, size in worlds]
    tell({"seed": asked.seed, "rows": rows, "bytes_per_document": slopes(rows)}, asked.out)


if __name__ == "__main__":
    main()
