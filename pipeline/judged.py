"""Judged queries of a BEIR-layout folder: `queries.jsonl` and one split of `qrels/`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from nightshift.errors import BatchError
from pipeline.batch import QUERIES, source_of
from pipeline.documents import Key
from pipeline.files import File
from pipeline.judgements import read_grades


@dataclass(frozen=True)
class JudgedQuery:
    """A query and how well each of its documents answers it (above zero: relevant)."""

    id: str
    text: str
    grades: dict[Key, int]


def read_judged(folder: Path, split: str) -> list[JudgedQuery]:
    """Every query that the split judges, in the order of its first judgement."""
    qrels = folder / "qrels" / f"{split}.tsv"
    files = [folder / name for name in QUERIES if (folder / name).is_file()]
    if not files or not qrels.is_file():
        missing = qrels if files else folder / QUERIES[0]
        raise BatchError(
            f"{missing} is not there: an evaluation needs queries.jsonl and qrels/{split}.tsv",
            hint="nightshift evaluate FOLDER --split SPLIT",
        )
    queries = [File.holding(file.name, file.read_bytes()) for file in files]
    judged = File.holding(f"qrels/{split}.tsv", qrels.read_bytes())
    grades = read_grades(queries, judged, source_of(folder))
    return [JudgedQuery(id_, text, found) for id_, (text, found) in grades.items()]
