"""Which batches of an inbox are complete, and what is said of the others."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from nightshift.errors import BatchError
from pipeline.inbox import pending, waiting


def write(path: Path, content: str = "") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content)
    return path


def told(inbox: Path) -> dict[str, str]:
    return {entry.name: reason for entry, reason in waiting(inbox).items()}


def names(inbox: Path) -> list[str]:
    return [entry.name for entry in pending(inbox)]


def test_batches_wait_in_the_order_of_their_names(tmp_path):
    for name in ("b.jsonl", "a.csv.gz", "d.parquet", "e.tsv.zst", ".x.jsonl"):
        write(tmp_path / name)
    for name in ("c", "10", "9", ".hidden"):
        (tmp_path / name).mkdir()
    assert names(tmp_path) == ["10", "9", "a.csv.gz", "b.jsonl", "c", "d.parquet", "e.tsv.zst"]
    assert told(tmp_path) == {}


def test_what_is_still_being_written_waits(tmp_path):
    for name in ("c.jsonl.tmp", "d.part", "e.jsonl.crdownload", "f/corpus.jsonl", "f/sub/x.PART"):
        write(tmp_path / name)
    (tmp_path / "half.PART").mkdir()
    assert names(tmp_path) == []
    assert told(tmp_path) == {
        "c.jsonl.tmp": "still being written",
        "d.part": "still being written",
        "e.jsonl.crdownload": "still being written",
        "f": "still being written: x.PART",
        "half.PART": "still being written",
    }
    (tmp_path / "f/sub/x.PART").unlink()
    assert names(tmp_path) == ["f"]


def test_what_is_no_batch_is_told(tmp_path):
    (tmp_path / "link").symlink_to(tmp_path)
    write(tmp_path / "z.txt")
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert names(tmp_path) == []
    assert told(tmp_path) == {
        "link": "a link; links are not followed",
        "z.txt": "not a batch",
        "pipe.jsonl": "not a batch",
    }


def test_an_inbox_that_is_a_batch_itself_is_no_inbox(tmp_path):
    write(tmp_path / "corpus.jsonl")
    write(tmp_path / "batch.json", "{}")
    with pytest.raises(BatchError, match="is a batch itself"):
        pending(tmp_path)


def test_in_a_marked_inbox_a_batch_counts_once_its_marker_is_there(tmp_path):
    write(tmp_path / ".markers")
    write(tmp_path / "a.jsonl")
    write(tmp_path / "b/corpus.jsonl")
    assert names(tmp_path) == []
    assert told(tmp_path) == {
        "a.jsonl": "a.jsonl._SUCCESS is not there yet",
        "b": "_SUCCESS is not there yet",
    }
    write(tmp_path / "a.jsonl._SUCCESS")
    write(tmp_path / "b/_SUCCESS")
    assert names(tmp_path) == ["a.jsonl", "b"]
    assert told(tmp_path) == {}


def test_an_inbox_must_be_there(tmp_path):
    with pytest.raises(BatchError) as caught:
        pending(tmp_path / "in box")
    assert caught.value.hint == f"mkdir -p '{tmp_path}/in box'"
