"""A batch is read in one pass: the digest means what it always meant, and memory has a ceiling."""

from __future__ import annotations

import hashlib
import json
import os
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from nightshift.errors import BatchError
from pipeline import batch as reading
from pipeline.batch import Batch, read_batch

CEILING = 24 * 2**20
"""Bytes at the peak for 20,000 documents, whatever their length: the texts alone are 40 MB."""


def write(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def corpus(path: Path, documents: int, length: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        for n in range(documents):
            file.write(json.dumps({"_id": str(n), "text": f"{n} ".ljust(length, "x")}) + "\n")
    return path


def peak(path: Path) -> tuple[int, Batch]:
    tracemalloc.start()
    batch = read_batch(path)
    assert batch.present
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most, batch


def test_documents_wait_on_disk_and_not_in_memory(tmp_path: Path) -> None:
    most, batch = peak(corpus(tmp_path / "b.jsonl", 20_000, 2000))
    assert most < CEILING
    assert batch.documents[12_345].text.startswith("12345 ")


def test_longer_texts_do_not_raise_the_ceiling(tmp_path: Path) -> None:
    short, _ = peak(corpus(tmp_path / "short.jsonl", 100, 20_000))
    long, _ = peak(corpus(tmp_path / "long.jsonl", 100, 200_000))
    assert long < short + 3 * 2**20, "some copies of one document, and no more"


def test_the_digest_is_what_stores_of_old_hold(tmp_path: Path) -> None:
    """SHA-256 over the sorted names and bytes of what is read, each behind its length."""
    files = {
        "Z.jsonl": b'{"_id": "1", "text": "a"}\n',
        "batch.json": b"{}",
        "qrels/train.tsv": b"q\t1\t1\n",
        "queries.jsonl": b'{"_id": "q", "text": "b"}\n',
        "z.jsonl": b'{"_id": "2", "text": "c"}\n',
    }
    total = hashlib.sha256()
    for name, data in files.items():
        write(tmp_path / name, data)
        for part in (name.encode(), data):
            total.update(len(part).to_bytes(8, "big") + part)
    write(tmp_path / "NOTES", "not read")
    assert read_batch(tmp_path).digest == total.hexdigest()


@pytest.mark.parametrize("name", ["b.jsonl.gz", "b.csv", "b.parquet", "b.csv.zst"])
def test_a_damaged_file_is_hashed_to_its_end(tmp_path: Path, name: str) -> None:
    data = b"id,text\n1,\xff\n" if name == "b.csv" else b"damaged" * 100_000
    digests = {read_batch(write(tmp_path / name, data + end)).digest for end in (b"a", b"b")}
    assert len(digests) == 2


def _grow(folder: Path) -> None:
    with (folder / "corpus.jsonl").open("ab") as file:
        file.write(b'{"_id": "2", "text": "later"}\n')


def _truncate(folder: Path) -> None:
    os.truncate(folder / "corpus.jsonl", 10)


def _rewrite(folder: Path) -> None:
    path = folder / "corpus.jsonl"
    data = path.read_bytes().replace(b"early", b"EARLY")
    path.write_bytes(data)
    os.utime(path, ns=(0, 0))


def _replace(folder: Path) -> None:
    write(folder / "new", (folder / "corpus.jsonl").read_bytes()).replace(folder / "corpus.jsonl")


def _add(folder: Path) -> None:
    write(folder / "more.jsonl", "")


def _remove(folder: Path) -> None:
    (folder / "corpus.jsonl").unlink()


@pytest.mark.parametrize("change", [_grow, _truncate, _rewrite, _replace, _add])
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_batch_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: Callable[[Path], None], when: str
) -> None:
    write(tmp_path / "b" / "corpus.jsonl", '{"_id": "1", "text": "early"}\n')
    read = reading.read_records_into

    def meanwhile(*words: object) -> None:
        if when == "before":
            change(tmp_path / "b")
        read(*words)  # type: ignore[arg-type]
        if when == "after":
            change(tmp_path / "b")

    with monkeypatch.context() as patched:
        patched.setattr(reading, "read_records_into", meanwhile)
        with pytest.raises(BatchError) as caught:
            read_batch(tmp_path / "b")
    assert "still being written" in caught.value.message
    assert caught.value.hint == f"nightshift update {tmp_path}/b"
    assert read_batch(tmp_path / "b").digest, "the next night takes it"


def test_a_file_that_vanishes_is_told_in_a_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write(tmp_path / "corpus.jsonl", '{"_id": "1", "text": "early"}\n')
    read = reading.read_records_into

    def meanwhile(*words: object) -> None:
        _remove(tmp_path)
        read(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(reading, "read_records_into", meanwhile)
    with pytest.raises(BatchError):
        read_batch(tmp_path)
