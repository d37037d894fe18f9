"""Tables: CSV and TSV, and what a mapping says of the columns of any table."""

from __future__ import annotations

import csv
import gzip
import json
from contextlib import suppress
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.errors import BatchError
from pipeline import readers, tables
from pipeline.batch import Batch, read_batch
from pipeline.columns import USUAL
from pipeline.documents import Document
from pipeline.files import File
from pipeline.formats import read_records
from pipeline.readers import Quarantined, Record

MAPPING = {
    "_id": "sku",
    "title": "name",
    "text": ["summary", "body"],
    "metadata": ["price", "colour"],
}


def packed(name: str, data: bytes) -> bytes:
    if name.endswith(".zst"):
        return bytes(pa.compress(data, codec="zstd", asbytes=True))
    return gzip.compress(data, mtime=0) if name.endswith(".gz") else data


def read(folder: Path, name: str, data: str | bytes, **columns: Any) -> Batch:
    raw = data.encode() if isinstance(data, str) else data
    (folder / name).write_bytes(packed(name, raw))
    if columns:
        (folder / "batch.json").write_text(json.dumps({"columns": columns}))
    return read_batch(folder)


def reasons(batch: Batch) -> list[tuple[str, str]]:
    return [(entry.where, entry.reason) for entry in batch.quarantined]


@pytest.mark.parametrize("ending", ["", ".gz", ".zst"])
@pytest.mark.parametrize(("kind", "between"), [("csv", ","), ("tsv", "\t")])
def test_usual_names_need_no_mapping(tmp_path, kind, between, ending):
    lines = [
        ["colour", "text", "docno", "title", "metadata", "_deleted"],
        ["red", "Low tide", "1", "Sea", '"{""depth"": 3}"', "false"],
        ["", '"Two\r\nlines, ""quoted"""', "2", "", "", ""],
        ["", "", "3", "", "", "TRUE"],
    ]
    text = "\ufeff" + "".join(between.join(line) + "\r\n" for line in lines)
    batch = read(tmp_path, f"corpus.{kind}{ending}", text)
    assert list(batch.documents) == [
        Document("default", "1", "Sea", "Low tide", '{"depth":3}'),
        Document("default", "2", "", 'Two\r\nlines, "quoted"'),
    ]
    assert (batch.deleted, batch.quarantined) == ((("default", "3"),), ())


def test_a_mapping_says_what_the_columns_are(tmp_path):
    text = "sku,name,summary,body,price,colour\n7,Cup,Small.,For tea.,nan,blue\n8,Jug,,Big.,2,\n"
    batch = read(tmp_path, "goods.csv", text, **MAPPING)
    assert list(batch.documents) == [
        Document("default", "7", "Cup", "Small.\n\nFor tea.", '{"colour":"blue"}'),
        Document("default", "8", "Jug", "Big.", '{"price":"2"}'),
    ]


@pytest.mark.parametrize("form", ["csv", "parquet"])
def test_a_column_that_is_not_there_refuses_the_batch_and_lists_those_that_are(tmp_path, form):
    if form == "csv":
        (tmp_path / "b.csv").write_text("sku,name\n1,Cup\n")
    else:
        pq.write_table(pa.table({"sku": ["1"], "name": ["Cup"]}), tmp_path / "b.parquet")
    (tmp_path / "batch.json").write_text('{"columns": {"_id": "sku", "text": "body"}}')
    with pytest.raises(BatchError, match=r"has no column 'body'; its columns are 'sku', 'name'"):
        read_batch(tmp_path)
    (tmp_path / "batch.json").unlink()
    with pytest.raises(BatchError, match="which column holds the ids; its columns are 'sku'"):
        read_batch(tmp_path)


def test_a_column_that_is_there_twice_is_not_guessed(tmp_path):
    with pytest.raises(BatchError, match="more than one column 'text'"):
        read(tmp_path, "b.csv", "id,text,text\n1,a,b\n", text="text")


@pytest.mark.parametrize(
    ("mapping", "why"),
    [
        ([], "not an object"),
        ({"body": "x"}, "'body', which is none of _id"),
        ({"text": 7}, "neither a name nor a list"),
        ({"_id": ["a", "b"]}, "the _id takes one column"),
    ],
)
def test_a_mapping_that_makes_no_sense_refuses_the_batch(tmp_path, mapping, why):
    (tmp_path / "b.csv").write_text("id,text\n1,Tide\n")
    (tmp_path / "batch.json").write_text(json.dumps({"columns": mapping}))
    with pytest.raises(BatchError, match=f"which columns mean what: .*{why}"):
        read_batch(tmp_path)


class TestDamagedText:
    def test_ragged_rows_are_quarantined_where_they_begin(self, tmp_path):
        text = 'id,text\n1,"two\nlines"\n2\n3,a,b\n\n4,last\n'
        batch = read(tmp_path, "b.csv", text)
        assert [d.id for d in batch.documents] == ["1", "4"]
        assert reasons(batch) == [
            ("b.csv:4", "1 columns where the header has 2"),
            ("b.csv:5", "3 columns where the header has 2"),
        ]

    def test_bytes_that_are_no_text_lose_their_row_only(self, tmp_path):
        batch = read(tmp_path, "b.csv", b'id,text\n1,"a\n\xff"\n2,nul \x00 byte\n')
        assert [d.text for d in batch.documents] == ["nul \x00 byte"]
        assert reasons(batch) == [("b.csv:2", "not valid UTF-8 at byte 1")]

    def test_a_quote_that_nobody_closes_is_told_where_it_begins(self, tmp_path):
        batch = read(tmp_path, "b.csv", 'id,text\n1,a\n2,"b\n3,c\n')
        assert [d.id for d in batch.documents] == ["1"]
        assert reasons(batch) == [
            ("b.csv:3", "not a valid row: a quoted field that begins here does not end")
        ]

    def test_a_quote_out_of_place_loses_its_row_only(self, tmp_path):
        batch = read(tmp_path, "b.csv", 'id,text\n1,"a"b\n2,5" disc\n')
        assert [d.text for d in batch.documents] == ['5" disc']
        assert reasons(batch)[0][0] == "b.csv:2"

    @pytest.mark.parametrize("field", ["x" * 3000, "x\n" * 1500, '""\n' * 1500])
    def test_an_endless_field_is_skipped_to_its_end(self, tmp_path, monkeypatch, field):
        monkeypatch.setattr(tables, "LINE_LIMIT", 1000)
        before = csv.field_size_limit(1000)
        try:
            batch = read(tmp_path, "b.csv", f'id,text\n1,"{field}"\n2,next\n')
        finally:
            csv.field_size_limit(before)
        assert [d.id for d in batch.documents] == ["2"]
        assert reasons(batch) == [("b.csv:2", "longer than 1,000 bytes")]

    @pytest.mark.parametrize("field", ["x" * 3000, f'"{"x" * 3000}"'])
    def test_an_endless_line_is_never_held(self, tmp_path, monkeypatch, field):
        monkeypatch.setattr(readers, "LINE_LIMIT", 1000)
        monkeypatch.setattr(tables, "LINE_LIMIT", 1000)
        batch = read(tmp_path, "b.csv", f"id,text\n1,{field}\n2,next\n")
        assert [d.id for d in batch.documents] == ["2"]
        assert reasons(batch) == [("b.csv:2", "longer than 1,000 bytes")]

    def test_a_long_field_is_no_fault(self, tmp_path):
        """The csv module's own limit is 131,072 characters."""
        batch = read(tmp_path, "b.csv", f"id,text\n1,{'tide ' * 40_000}\n")
        assert len(batch.documents[0].text) == 200_000

    def test_another_encoding_is_one_note(self, tmp_path):
        batch = read(tmp_path, "b.csv", "id,text\n1,a\n2,b\n".encode("utf-16"))
        assert reasons(batch) == [("b.csv:1", "not valid UTF-8: the file is UTF-16")]

    @pytest.mark.parametrize("value", ["inf", "-Infinity"])
    def test_infinity_is_no_metadata(self, tmp_path, value):
        text = f"id,text,size\n1,a,{value}\n2,b,NULL\n3,c,NaT\n"
        batch = read(tmp_path, "b.csv", text, metadata="size")
        assert [(d.id, d.metadata) for d in batch.documents] == [("2", "{}"), ("3", "{}")]
        assert reasons(batch) == [("b.csv:2", f"{value} is not a finite number")]

    def test_an_empty_file_is_an_empty_batch(self, tmp_path):
        assert len(read(tmp_path, "b.csv", "").documents) == 0


@given(st.binary(max_size=200), st.sampled_from(["a.csv", "a.tsv", "a.csv.zst", "a.parquet"]))
def test_any_bytes_are_read_or_refused_in_a_sentence(data: bytes, name: str) -> None:
    with suppress(BatchError):
        for outcome in read_records(File.holding(name, b"id,text\n" + data), USUAL):
            assert isinstance(outcome, (Record, Quarantined))
