"""`sentence-transformers`: the frozen encoder as that library has it, or with an expert merged in.

A merged folder computes the expert's side of a query, e(q), and nothing else:

    nightshift, halves    normalise(f(q) + e(q)),  f the frozen encoder
    nightshift, blend     e(q)
    the merged folder     e(q)

Documents are f(d) in either case, so the frozen folder is the one that encodes them. Names of
modules are those that every release of the library since its second reads.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from flows.live import Live
from nightshift.errors import UsageError
from nightshift.exports.base import Told, plain_encoder_only, serving
from nightshift.exports.peft import composed
from pipeline.checkpoint import Checkpoint
from pipeline.experts.lora import LoraExpert
from pipeline.experts.merged import CHECKPOINT, save_merged
from state.folder import copy_file

COPIED = (
    "config.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "added_tokens.json",
    "vocab.txt",
    "vocab.json",
    "merges.txt",
    "sentencepiece.bpe.model",
    "spiece.model",
)
"""What makes a transformer and its tokenizer; none of it is code."""
POOLINGS = {"mean": "mean_tokens", "cls": "cls_token", "max": "max_tokens"}
PAGE = """\
{what}

```python
from sentence_transformers import SentenceTransformer

model = SentenceTransformer(".")
queries = model.encode_query(["when is low tide?"])
```

{pooling} pooling, normalised, texts up to {length} tokens, {prompts}.
"""
FROZEN = """\
The frozen encoder, byte for byte: its vectors of passages (`title`, a line break, the passage's
text) are those of the index, and its vectors of queries those that nightshift routes by."""
MERGED = """\
The encoder with expert {expert} merged into its weights. **It computes the expert's side of a query
alone, e(q).** {composed} Documents are the frozen encoder's, f(d): encode them with the folder that
`nightshift export sentence-transformers` writes without `--expert`, never with this one.{head}"""
HEAD = """
The head of {expert}, which rewrites vectors after pooling, is not in here (`nightshift export peft`
writes it down)."""


def write(live: Live, folder: Path, expert: str | None) -> Told:
    """Files that transformers and sentence-transformers know, none of which is run by either."""
    plain_encoder_only("sentence-transformers", live)
    checkpoint = live.encoder.checkpoint
    if expert is None:
        copy_file(checkpoint.folder / CHECKPOINT, folder / CHECKPOINT)
        line, what = "the frozen encoder", FROZEN
    else:
        save_merged(_mergeable(live, *serving(live, expert)), folder / CHECKPOINT)
        line, what = f"the encoder with {expert} merged", _merged(live, expert)
    for name in COPIED:
        if (checkpoint.folder / name).is_file():
            copy_file(checkpoint.folder / name, folder / name)
    _describe(checkpoint, live.encoder.dimension, folder)
    return Told(line, PAGE.format(what=what, **_told(checkpoint)))


def _mergeable(live: Live, expert: str) -> LoraExpert:
    found = live.experts[expert]
    if not isinstance(found, LoraExpert):
        raise UsageError(
            f"{expert} is a {found.method} expert: it has no updates of weights to merge",
            hint="nightshift export sentence-transformers --out FOLDER",
        )
    return found


def _merged(live: Live, expert: str) -> str:
    head = HEAD.format(expert=expert) if f"head/{expert}" in live.modules.stored else ""
    return MERGED.format(expert=expert, composed=composed(live), head=head)


def _describe(checkpoint: Checkpoint, dimension: int, folder: Path) -> None:
    """How the transformer is used, in the library's own small files."""
    modules = [("Transformer", ""), ("Pooling", "1_Pooling"), ("Normalize", "2_Normalize")]
    pooling: dict[str, Any] = {"word_embedding_dimension": dimension}
    pooling |= {f"pooling_mode_{key}": checkpoint.pooling == n for n, key in POOLINGS.items()}
    for _, place in modules:
        (folder / place).mkdir(exist_ok=True)
    pages: dict[str, Any] = {
        "modules.json": [
            {
                "idx": n,
                "name": str(n),
                "path": place,
                "type": f"sentence_transformers.models.{name}",
            }
            for n, (name, place) in enumerate(modules)
        ],
        "1_Pooling/config.json": pooling,
        "sentence_bert_config.json": {
            "max_seq_length": checkpoint.max_length,
            "do_lower_case": False,
        },
        "config_sentence_transformers.json": {
            "prompts": {"query": "", "document": "", **checkpoint.prompts},
            "default_prompt_name": None,
            "similarity_fn_name": "cosine",
        },
    }
    for name, page in pages.items():
        (folder / name).write_text(json.dumps(page, indent=2, ensure_ascii=False) + "\n", "utf-8")


def _told(checkpoint: Checkpoint) -> dict[str, Any]:
    said = [f"`{text}` before a {side}" for side, text in sorted(checkpoint.prompts.items())]
    return {
        "pooling": checkpoint.pooling.capitalize(),
        "length": checkpoint.max_length,
        "prompts": ", ".join(said) or "no prompts",
    }
