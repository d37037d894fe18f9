"""Judged queries are read from a folder, or it is said which file is missing."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import pytest

from nightshift.errors import BatchError
from pipeline.batch import read_batch
from pipeline.judged import JudgedQuery, read_judged

QUERIES = "".join(
    json.dumps({"_id": f"q{n}", "text": f"question {n}"}) + "\n" for n in range(4)
).encode()
QRELS = "query-id\tcorpus-id\tscore\nq2\t7\t1\nq0\t3\t2\nq2\t8\t1\nq1\t7\t0\nq9\t7\t1\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "qrels").mkdir()
    (tmp_path / "queries.jsonl").write_bytes(QUERIES)
    (tmp_path / "qrels" / "test.tsv").write_text(QRELS)
    return tmp_path


EXPECTED = [
    JudgedQuery("q2", "question 2", {("default", "7"): 1, ("default", "8"): 1}),
    JudgedQuery("q0", "question 0", {("default", "3"): 2}),
]


def test_every_relevant_document_of_a_judged_query_is_read_with_its_grade(folder: Path) -> None:
    assert read_judged(folder, "test") == EXPECTED


def test_queries_may_be_compressed(folder: Path) -> None:
    (folder / "queries.jsonl").unlink()
    (folder / "queries.jsonl.gz").write_bytes(gzip.compress(QUERIES))
    assert read_judged(folder, "test") == EXPECTED


def test_documents_belong_to_the_source_that_the_folder_names(folder: Path) -> None:
    (folder / "batch.json").write_text('{"source": "sea"}')
    keys = [key for query in read_judged(folder, "test") for key in query.grades]
    assert keys == [("sea", "7"), ("sea", "8"), ("sea", "3")]


def test_only_the_split_that_was_asked_for_is_read(folder: Path) -> None:
    (folder / "qrels" / "train.tsv").write_text("q3\t1\t1\n")
    assert [query.id for query in read_judged(folder, "train")] == ["q3"]


def test_a_bad_line_does_not_stop_an_evaluation(folder: Path) -> None:
    (folder / "qrels" / "test.tsv").write_text(QRELS + "half a line\nq0\t5\tmany\n")
    assert read_judged(folder, "test") == EXPECTED


@pytest.mark.parametrize(
    ("missing", "split"),
    [("queries.jsonl", "test"), ("qrels/test.tsv", "test"), ("qrels/dev.tsv", "dev")],
)
def test_a_missing_file_is_named(folder: Path, missing: str, split: str) -> None:
    (folder / missing).unlink(missing_ok=True)
    with pytest.raises(BatchError, match=f"{missing} is not there") as caught:
        read_judged(folder, split)
    assert caught.value.hint == "nightshift evaluate FOLDER --split SPLIT"


def test_of_a_folder_of_texts_training_and_evaluation_mean_the_same_documents(
    tmp_path: Path,
) -> None:
    folder = tmp_path / "manual"
    (folder / "qrels").mkdir(parents=True)
    (folder / "tides.md").write_text("# Tides\nThe sea comes and goes.")
    (folder / "queries.jsonl").write_text('{"_id": "q", "text": "when is low tide"}\n')
    for split in ("train", "test"):
        (folder / "qrels" / f"{split}.tsv").write_text("q\ttides.md\t1\n")
    batch = read_batch(folder)
    key = ("manual", "tides.md")
    assert [document.key for document in batch.documents] == [key]
    assert [pair.key for pair in batch.pairs] == [key]
    assert [query.grades for query in read_judged(folder, "test")] == [{key: 1}]
