"""A batch on disk, as any owner of documents would leave it: BEIR layout, split by document."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from nightshift.demo.texts import Text

ASKED_LATER = 3
"""One document in so many keeps its question for the evaluation."""


def write_batch(folder: Path, source: str, texts: Sequence[Text]) -> None:
    """Write `corpus.jsonl`, `queries.jsonl`, `qrels/train.tsv` and `qrels/test.tsv`."""
    (folder / "qrels").mkdir(parents=True)
    _write_lines(folder / "corpus.jsonl", ({"_id": text.id, "text": text.text} for text in texts))
    (folder / "batch.json").write_text(json.dumps({"source": source}) + "\n", "utf-8")
    asked = [text for text in texts if text.question]
    _write_lines(
        folder / "queries.jsonl", ({"_id": f"q:{text.id}", "text": text.question} for text in asked)
    )
    for split in ("train", "test"):
        rows = [f"q:{text.id}\t{text.id}\t1" for text in asked if split_of(text) == split]
        lines = ["query-id\tcorpus-id\tscore", *rows]
        (folder / "qrels" / f"{split}.tsv").write_text("\n".join(lines) + "\n", "utf-8")


def split_of(text: Text) -> str:
    """`train` or `test`, by the document's name: nobody learns from what is asked in the end."""
    digest = hashlib.sha256(f"split {text.id}".encode()).digest()
    return "test" if int.from_bytes(digest[:8], "big") % ASKED_LATER == 0 else "train"


def _write_lines(file: Path, rows: Iterable[dict[str, Any]]) -> None:
    with file.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row, ensure_ascii=True) + "\n" for row in rows)
