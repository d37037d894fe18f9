"""Parquet: its values become JSON, and no file costs more than its rows are worth."""

from __future__ import annotations

import datetime
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
from pipeline import parquet
from pipeline.batch import Batch, read_batch
from pipeline.columns import USUAL
from pipeline.files import File
from pipeline.formats import read_records
from pipeline.readers import Quarantined, Record


def read_rows(folder: Path, rows: dict[str, Any], **columns: Any) -> Batch:
    pq.write_table(pa.table(rows), folder / "b.parquet")
    if columns:
        (folder / "batch.json").write_text(json.dumps({"columns": columns}))
    return read_batch(folder)


def reasons(batch: Batch) -> list[tuple[str, str]]:
    return [(entry.where, entry.reason) for entry in batch.quarantined]


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


@given(st.binary(max_size=60), st.integers(0, 700))
def test_reading_survives_any_damage_to_a_parquet_file(noise: bytes, start: int) -> None:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table({"id": ["1", "2"], "text": ["low", "high"]}), sink)
    data = bytearray(sink.getvalue().to_pybytes())
    data[start : start + len(noise)] = noise
    with suppress(BatchError):
        list(read_records(File.holding("a.parquet", bytes(data)), USUAL))
