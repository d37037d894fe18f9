"""A batch is read in one pass: the digest means what it always meant, and memory has a ceiling."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from nightshift.errors import BatchError
from pipeline import batch as reading
from pipeline.batch import read_batch

ROOT = Path(__file__).parents[2]
CEILING = 24 * 2**20
"""Bytes at the peak for 40 MB of documents, and for 80 MB of longer ones."""


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


READ = """
import re, sys
from pathlib import Path
from pipeline.batch import read_batch

def kilobytes(what):
    return int(re.search(what + r":\\s+(\\d+)", Path("/proc/self/status").read_text())[1])

read_batch(Path(sys.argv[1]))
before = kilobytes("VmRSS")
batch = read_batch(Path(sys.argv[2]))
assert len(batch.present) == len(batch.documents) == int(sys.argv[3])
print(1024 * (kilobytes("VmHWM") - before))
"""


def growth(folder: Path, documents: int, length: int) -> int:
    """Bytes of memory that a process of its own takes, at the most, for reading a corpus."""
    little = corpus(folder / "little.jsonl", 10, 10)
    much = corpus(folder / "much.jsonl", documents, length)
    words = [sys.executable, "-c", READ, str(little), str(much), str(documents)]
    result = subprocess.run(words, capture_output=True, text=True, check=True, cwd=ROOT)
    return int(result.stdout)


def test_documents_wait_on_disk_and_not_in_memory(tmp_path: Path) -> None:
    assert growth(tmp_path, 20_000, 2000) < CEILING


def test_ten_times_the_text_does_not_raise_the_ceiling(tmp_path: Path) -> None:
    assert growth(tmp_path, 4000, 20_000) < CEILING


def test_a_document_of_fifty_megabytes_is_refused_in_bounded_memory(tmp_path: Path) -> None:
    path = corpus(tmp_path / "b.jsonl", 1, 50_000_000)
    tracemalloc.start()
    batch = read_batch(path)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [entry.reason for entry in batch.quarantined] == ["longer than 10,000,000 characters"]
    assert most < 5 * 50_000_000, "some copies of the line that is being read"


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


def test_a_file_that_does_not_know_its_length_is_refused(tmp_path: Path) -> None:
    """The digest announces a length; a file of /proc says 0 and gives more."""
    (tmp_path / "b.jsonl").symlink_to("/proc/self/status")
    with pytest.raises(BatchError, match="still being written"):
        read_batch(tmp_path / "b.jsonl")


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
