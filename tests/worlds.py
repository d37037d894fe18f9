"""Small worlds for tests that run whole nights: a tiny random encoder, and kinds of made-up text.

A kind is a vocabulary and an order of words. Its queries name a document's topics and drown them
in filler words of the kind's own; an expert can learn to overhear the filler, so growth pays.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

import torch
from tokenizers import Tokenizer, models, pre_tokenizers, processors
from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

KINDS = ("sea", "law", "ore")
TOPICS, COMMON, FILLER, WORDINGS = 60, 30, 12, 3


def vocabulary(kind: str) -> dict[str, list[str]]:
    return {
        part: [f"{kind}{part}{chr(97 + n // 26)}{chr(97 + n % 26)}" for n in range(count)]
        for part, count in {"topic": TOPICS, "common": COMMON, "filler": FILLER}.items()
    }


def save_tiny_encoder(folder: Path, seed: int = 0) -> Path:
    """A random three-layer BERT over the words of all kinds, as a plain Hugging Face folder."""
    words = [word for kind in KINDS for part in vocabulary(kind).values() for word in part]
    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *words]
    tokenizer = Tokenizer(
        models.WordLevel({token: n for n, token in enumerate(tokens)}, unk_token="[UNK]")
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, pad_token="[PAD]", unk_token="[UNK]", model_max_length=64
    ).save_pretrained(folder)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        config = BertConfig(
            vocab_size=len(tokens),
            hidden_size=48,
            num_hidden_layers=3,
            num_attention_heads=4,
            intermediate_size=96,
            max_position_embeddings=64,
            initializer_range=0.05,
        )
        model = BertModel(config, add_pooling_layer=False).eval()
        # Positions would drown the words in a model that never learned to use them.
        model.embeddings.position_embeddings.weight.data.mul_(0.1)
        model.save_pretrained(folder)
    return folder


def document(kind: str, number: int) -> dict[str, str]:
    """Document `number` of a kind: three topics said twice among common words."""
    choose = random.Random(f"{kind}{number}")
    words = vocabulary(kind)
    topics = choose.sample(words["topic"], 3)
    text = [*topics, *topics, *choose.sample(words["common"], 10)]
    choose.shuffle(text)
    return {"_id": f"{kind}-{number}", "title": "", "text": " ".join(text)}


def query(kind: str, number: int, wording: int = 0) -> str:
    """A question about document `number`: its topics, drowned in filler."""
    words = vocabulary(kind)
    topics = random.Random(f"{kind}{number}").sample(words["topic"], 3)
    filler = random.Random(f"{kind}{number}{wording}").choices(words["filler"], k=9)
    return " ".join([*filler, *topics])


def write_batch(
    folder: Path,
    kind: str,
    numbers: range,
    *,
    queries: bool = True,
    test_from: int | None = None,
    extra: list[dict[str, object]] | None = None,
) -> Path:
    """A batch of documents of one kind; documents from `test_from` on are asked about in test."""
    (folder / "qrels").mkdir(parents=True, exist_ok=True)
    rows: list[dict[str, object]] = [dict(document(kind, n)) for n in numbers]
    _write_lines(folder / "corpus.jsonl", [*rows, *(extra or [])])
    if queries:
        _write_lines(
            folder / "queries.jsonl",
            [
                {"_id": f"q{kind}{n}-{wording}", "text": query(kind, n, wording)}
                for n in numbers
                for wording in range(WORDINGS)
            ],
        )
        split = len(numbers) + numbers.start if test_from is None else test_from
        for name, part in (
            ("train", range(numbers.start, split)),
            ("test", range(split, numbers.stop)),
        ):
            lines = [
                f"q{kind}{n}-{wording}\t{kind}-{n}\t1" for n in part for wording in range(WORDINGS)
            ]
            page = "\n".join(["query-id\tcorpus-id\tscore", *lines]) + "\n"
            (folder / "qrels" / f"{name}.tsv").write_text(page)
    return folder


def _write_lines(path: Path, rows: list[dict[str, object]]) -> None:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
