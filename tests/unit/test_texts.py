"""Texts are read when asked for, kept while they are wanted and gone with whoever read them."""

from __future__ import annotations

from pathlib import Path
from weakref import ref

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import pipeline.texts
from pipeline.documents import Document
from pipeline.texts import FIELDS, Texts

SCHEMA = pa.schema([(name, pa.string()) for name in FIELDS])


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Nine documents in three row groups."""
    rows = [dict(zip(FIELDS, ("s", str(n), "", f"text {n}", "{}"), strict=True)) for n in range(9)]
    table = pa.Table.from_pylist(rows, SCHEMA)
    pq.write_table(table, tmp_path / "documents.parquet", row_group_size=3)
    return tmp_path / "documents.parquet"


def test_any_document_is_found_in_its_row_group(file: Path) -> None:
    assert [document.id for document in Texts(file)] == [str(n) for n in range(9)]
    assert Texts(file)[-1].text == "text 8"


def test_what_was_read_goes_with_whoever_read_it(file: Path) -> None:
    texts, other = Texts(file), Texts(file)
    read, kept = ref(texts[4]), ref(other[4])
    assert read() == kept()
    del texts
    assert read() is None
    assert kept() is not None


def test_the_row_group_asked_for_longest_ago_makes_room(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline.texts, "KEPT", 40)
    texts = Texts(file)
    held: list[ref[Document]] = [ref(texts[0]), ref(texts[3])]
    assert texts[0] is held[0]()
    assert texts[8].text == "text 8"
    assert [one() is not None for one in held] == [True, False]
    assert texts[3].text == "text 3"


def test_the_page_at_the_end_of_a_file_is_read_once(file: Path) -> None:
    texts = Texts(file)
    assert texts[0].text == "text 0"
    with file.open("r+b") as inside:
        inside.seek(-8, 2)
        inside.write(b"no pages")
    assert texts[8].text == "text 8"
