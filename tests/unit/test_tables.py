"""Tables: CSV, TSV and parquet, with and without a mapping of their columns."""

from __future__ import annotations

import csv
import datetime
import gzip
import json
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.errors import BatchError
from pipeline import packed as packed_limits
from pipeline import parquet, readers, tables
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


def read_rows(folder: Path, rows: dict[str, Any], **columns: Any) -> Batch:
    pq.write_table(pa.table(rows), folder / "b.parquet")
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


class TestParquet:
    def test_values_that_json_lacks_become_strings(self, tmp_path):
        moment = datetime.datetime(2026, 3, 1, 12, tzinfo=datetime.UTC)
        values = {
            "day": pa.array([datetime.date(2026, 3, 1)]),
            "price": pa.array([Decimal("1.50")]),
            "raw": pa.array([b"\xff\x00"]),
            "fine": pa.array([1_700_000_000_000_000_001], pa.timestamp("ns")),
            "moment": pa.array([moment], pa.timestamp("us", "UTC")),
            "tree": pa.array([[{"a": 1, "b": [moment.date(), None]}]]),
            "none": pa.array([None], pa.float64()),
            "nan": pa.array([float("nan")]),
        }
        batch = read_rows(tmp_path, {"id": [7], "text": ["Tide"], **values}, metadata=list(values))
        [document] = batch.documents
        fine = json.loads(document.metadata).pop("fine")
        assert fine.startswith("2023-11-14")
        assert json.loads(document.metadata) == {
            "day": "2026-03-01",
            "price": "1.50",
            "raw": "ff00",
            "fine": fine,
            "moment": "2026-03-01T12:00:00+00:00",
            "tree": [{"a": 1, "b": ["2026-03-01", None]}],
        }

    def test_a_row_that_cannot_be_taken_loses_itself_only(self, tmp_path):
        rows = {"id": ["1", None, "3", "4"], "text": ["a", "b", "c", None], "n": [1.5, 2, None, 3]}
        batch = read_rows(tmp_path, rows | {"n": [float("inf"), 2.0, None, 3.0]}, metadata="n")
        assert [(d.id, d.metadata) for d in batch.documents] == [("3", "{}")]
        assert reasons(batch) == [
            ("b.parquet:1", "inf is not a finite number"),
            ("b.parquet:2", "the id is missing"),
            ("b.parquet:4", "the text is missing"),
        ]

    def test_many_row_groups_come_in_order(self, tmp_path):
        names = [str(n) for n in range(500)]
        table = pa.table({"id": names, "text": [f"tide {n}" for n in names], "big": [b"x"] * 500})
        pq.write_table(table, tmp_path / "corpus.parquet", row_group_size=70)
        assert [d.id for d in read_batch(tmp_path).documents] == names

    def test_no_rows_are_an_empty_batch(self, tmp_path):
        empty = pa.table({"id": pa.array([], pa.string()), "text": pa.array([], pa.string())})
        pq.write_table(empty, tmp_path / "b.parquet")
        batch = read_batch(tmp_path / "b.parquet")
        assert (len(batch.documents), batch.quarantined) == (0, ())

    def test_damage_is_one_note_and_the_other_files_are_taken(self, tmp_path):
        table = pa.table({"id": ["1"], "text": ["Tide"]})
        pq.write_table(table, tmp_path / "whole.parquet")
        data = (tmp_path / "whole.parquet").read_bytes()
        (tmp_path / "cut.parquet").write_bytes(data[:-20])
        (tmp_path / "empty.parquet").write_bytes(b"")
        (tmp_path / "noise.parquet").write_bytes(b"PAR1" + b"\xff" * 500 + b"PAR1")
        batch = read_batch(tmp_path)
        assert [d.id for d in batch.documents] == ["1"]
        assert reasons(batch) == [
            (f"{name}.parquet", "not a parquet file, or a damaged one")
            for name in ("cut", "empty", "noise")
        ]

    def test_a_bomb_is_not_unpacked_to_its_end(self, tmp_path):
        table = pa.table({"id": ["1"] * 2000, "text": ["tide" * 25_000] * 2000})
        pq.write_table(table, tmp_path / "b.parquet")
        assert (tmp_path / "b.parquet").stat().st_size < 200_000
        batch = read_batch(tmp_path)
        assert len(batch.documents) == 1
        assert reasons(batch)[-1][1] == "unpacks to more than 200 times its size"

    def test_rows_without_number_are_refused_at_once(self, tmp_path):
        nothing = pa.nulls(4_000_000, pa.string())
        pq.write_table(pa.table({"id": nothing, "text": nothing}), tmp_path / "b.parquet")
        assert (tmp_path / "b.parquet").stat().st_size < 100_000
        batch = read_batch(tmp_path)
        assert reasons(batch) == [("b.parquet:1", "unpacks to more than 200 times its size")]


def peak(file: Path) -> tuple[list[Record | Quarantined], int]:
    """What a parquet file brings, and the most bytes that pyarrow held meanwhile."""
    before, pool = pa.default_memory_pool(), pa.proxy_memory_pool(pa.default_memory_pool())
    pa.set_memory_pool(pool)
    try:
        return list(read_records(File.holding("b.parquet", file.read_bytes()), USUAL)), (
            pool.max_memory()
        )
    finally:
        pa.set_memory_pool(before)


LONG = "tide " * 20_000
MEANT_OFTEN: dict[str, tuple[pa.Array, dict[str, Any]]] = {
    "dictionary": (pa.DictionaryArray.from_arrays(pa.array([0] * 640, pa.int32()), [LONG]), {}),
    "shared beginnings": (
        pa.array([LONG] * 640),
        {"use_dictionary": False, "column_encoding": {"text": "DELTA_BYTE_ARRAY"}},
    ),
}


class TestParquetThatIsLargerThanItTells:
    @pytest.mark.parametrize("kind", MEANT_OFTEN)
    def test_a_long_value_that_is_meant_often_is_held_a_few_times(
        self, tmp_path, monkeypatch, kind
    ):
        monkeypatch.setattr(packed_limits, "EXPANSION_ALLOWANCE", 12 * len(LONG))
        monkeypatch.setattr(parquet, "HELD", 2 * len(LONG), raising=False)
        texts, how = MEANT_OFTEN[kind]
        table = pa.table({"id": [str(n) for n in range(640)], "text": texts})
        pq.write_table(table, tmp_path / "b.parquet", store_schema=False, **how)
        outcomes, held = peak(tmp_path / "b.parquet")
        assert outcomes[-1].reason == "unpacks to more than 200 times its size"
        assert 1 < len(outcomes) < 640
        assert held < 20 * len(LONG)

    def test_nothing_of_a_great_length_is_refused_before_it_is_read(self, tmp_path, monkeypatch):
        monkeypatch.setattr(packed_limits, "EXPANSION_ALLOWANCE", 100_000)
        nothing = pa.nulls(50, pa.binary(len(LONG)))
        pq.write_table(pa.table({"id": ["1"] * 50, "text": nothing}), tmp_path / "b.parquet")
        [refused], held = peak(tmp_path / "b.parquet")
        assert refused.reason == "unpacks to more than 200 times its size"
        assert held < 1_000_000

    @pytest.mark.parametrize("entry", ["", "tide " * 400])
    def test_a_list_without_end_is_refused_before_it_is_read(self, tmp_path, monkeypatch, entry):
        monkeypatch.setattr(packed_limits, "EXPANSION_ALLOWANCE", 100_000)
        count = 20_000 if not entry else 2_000
        values = [entry] * count if entry else [0] * count
        table = pa.table({"id": ["1"], "text": ["tide"], "metadata": [{"a": values}]})
        pq.write_table(table, tmp_path / "b.parquet")
        outcomes, held = peak(tmp_path / "b.parquet")
        assert [outcome.reason for outcome in outcomes] == [
            "unpacks to more than 200 times its size"
        ]
        assert held < 1_000_000

    def test_usual_lists_are_no_fault(self, tmp_path):
        tags = [[f"tag {(n * k) % 5000} of many" for k in range(5)] for n in range(20_000)]
        rows = {"id": [str(n) for n in range(20_000)], "text": ["x"] * 20_000, "tags": tags}
        batch = read_rows(tmp_path, rows, metadata="tags")
        assert (len(batch.documents), reasons(batch)) == (20_000, [])
        assert json.loads(batch.documents[7].metadata) == {"tags": tags[7]}

    @pytest.mark.parametrize("codec", ["none", "snappy", "gzip", "brotli", "zstd", "lz4"])
    @pytest.mark.parametrize("version", ["1.0", "2.0"])
    def test_every_way_of_packing_is_read(self, tmp_path, codec, version):
        rows = {"id": [str(n) for n in range(300)], "text": ["x", "tide"] * 150}
        lists = {"metadata": [{"a": ["low", "high"]}] * 300, "nothing": pa.nulls(300)}
        pq.write_table(
            pa.table(rows | lists),
            tmp_path / "b.parquet",
            compression=codec,
            data_page_version=version,
            data_page_size=100,
        )
        documents = read_batch(tmp_path).documents
        assert [document.text for document in documents] == rows["text"]
        assert {document.metadata for document in documents} == {'{"a":["low","high"]}'}


@given(st.binary(max_size=200), st.sampled_from(["a.csv", "a.tsv", "a.csv.zst", "a.parquet"]))
def test_any_bytes_are_read_or_refused_in_a_sentence(data: bytes, name: str) -> None:
    with suppress(BatchError):
        for outcome in read_records(File.holding(name, b"id,text\n" + data), USUAL):
            assert isinstance(outcome, (Record, Quarantined))


@given(st.binary(max_size=60), st.integers(0, 700))
def test_reading_survives_any_damage_to_a_parquet_file(noise: bytes, start: int) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": ["1", "2"], "text": ["low", "high"]}), sink)
    data = bytearray(sink.getvalue().to_pybytes())
    data[start : start + len(noise)] = noise
    with suppress(BatchError):
        list(read_records(File.holding("a.parquet", bytes(data)), USUAL))
