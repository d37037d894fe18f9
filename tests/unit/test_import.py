"""Imports: whatever holds texts becomes a batch, and what is broken is left out with its reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from importing import EXPECTED, ROWS, brought, dataset, lines, pdf, told, wanted

from flows.bring import bring
from nightshift.errors import BatchError, UsageError
from pipeline.inbox import pending, waiting_reason
from pipeline.wanted import Wanted


@pytest.mark.parametrize("format", ["jsonl", "csv", "parquet", "dataset", "folder"])
def test_columns_by_any_name_become_documents(format: str, tmp_path: Path) -> None:
    source = tmp_path / f"shop.{format}"
    if format == "jsonl":
        lines(source, ROWS)
    elif format == "folder":
        lines(source / "some.jsonl", ROWS)
    elif format == "csv":
        source.write_text("sku,name,body,price\n1,Ebb,The sea falls.,1.5\n2,,The sea rises.,\n")
    elif format == "parquet":
        pq.write_table(pa.Table.from_pylist(ROWS), source)
    else:
        dataset(source, ROWS, parts=2)
    done, batch = brought(source, tmp_path / "out", wanted())
    expected = EXPECTED
    if format == "csv":
        expected = [("1", "Ebb", "The sea falls.", '{"price":"1.5"}'), EXPECTED[1]]
    assert told(batch) == expected
    assert done.columns == ("sku", "name", "body", "price")
    assert [d.text for d in done.first] == ["The sea falls.", "The sea rises."]
    assert not done.ids_made
    assert batch.quarantined == ()


@pytest.mark.parametrize("format", ["jsonl", "parquet", "dataset"])
def test_where_there_are_no_ids_texts_make_their_own(format: str, tmp_path: Path) -> None:
    rows = [{"title": "Ebb", "text": "falls"}, {"title": "", "text": "rises"}]
    ids = []
    for turn, some in enumerate((rows, [*rows[::-1], rows[0]])):
        source = tmp_path / f"{turn}.{format}"
        if format == "jsonl":
            lines(source, some)
        elif format == "parquet":
            pq.write_table(pa.Table.from_pylist(some), source)
        else:
            dataset(source, some)
        done, batch = brought(source, tmp_path / f"out{turn}")
        assert done.ids_made
        ids.append({document.text: document.id for document in batch.documents})
    assert ids[0] == ids[1]
    assert len(set(ids[0].values())) == 2
    assert [entry.reason for entry in done.left_out] == ["the id appears again with the same text"]


def test_a_batch_keeps_its_queries_its_source_and_its_deletions(tmp_path: Path) -> None:
    source = tmp_path / "beir"
    lines(source / "corpus.jsonl", [{"_id": "1", "text": "Low tide"}, {"_id": 2, "_deleted": True}])
    lines(source / "queries.jsonl", [{"_id": "q", "text": "when is it low?"}])
    (source / "qrels").mkdir()
    (source / "qrels" / "train.tsv").write_text("query-id\tcorpus-id\tscore\nq\t1\t1\n")
    (source / "batch.json").write_text('{"source": "sea"}')
    done, batch = brought(source, tmp_path / "out")
    assert (batch.source, done.deleted) == ("sea", 1)
    assert batch.deleted == (("sea", "2"),)
    assert [pair.key for pair in batch.pairs] == [("sea", "1")]
    assert done.beside == ("queries.jsonl", "qrels/train.tsv")
    assert bring(str(source), None, None, "other").source == "other"


def test_the_columns_of_a_batch_json_count_unless_others_are_named(tmp_path: Path) -> None:
    source = tmp_path / "shop"
    lines(source / "a.jsonl", ROWS)
    mapping = {"_id": "sku", "title": "name", "text": "body", "metadata": ["price"]}
    (source / "batch.json").write_text(json.dumps({"columns": mapping}))
    assert told(brought(source, tmp_path / "out")[1]) == EXPECTED
    named = brought(source, tmp_path / "out2", Wanted(id="sku", text=("name",)))[1]
    assert told(named) == [("1", "", "Ebb", "{}")]


def test_texts_and_pdf_files_are_documents(tmp_path: Path) -> None:
    source = tmp_path / "notes"
    (source / "deep").mkdir(parents=True)
    (source / "a.md").write_text("# Ebb\nThe sea falls.")
    (source / "deep" / "b.pdf").write_bytes(pdf("Low tide", "High tide", title="Tides"))
    (source / "c.PDF").write_bytes(pdf("No title"))
    (source / "link.pdf").symlink_to(source / "c.PDF")
    (source / "picture.png").write_bytes(b"\x89PNG")
    done, batch = brought(source, tmp_path / "out")
    assert [(d.id, d.title, d.text) for d in batch.documents] == [
        ("a.md", "Ebb", "# Ebb\nThe sea falls."),
        ("c.PDF", "c", "No title"),
        ("deep/b.pdf", "Tides", "Low tide\n\nHigh tide"),
    ]
    assert [entry.reason for entry in done.left_out] == ["a link; links are not followed"]
    assert not batch.snapshot


def test_what_lacks_a_column_is_told_with_the_columns_there_are(tmp_path: Path) -> None:
    source = tmp_path / "a.csv"
    source.write_text("sku,body\n1,Low tide\n")
    jsonl = lines(tmp_path / "a.jsonl", [{"sku": 1, "body": "Low tide"}])
    table = tmp_path / "a.parquet"
    pq.write_table(pa.Table.from_pylist([{"sku": 1, "body": "Low tide"}]), table)
    for file in (source, jsonl, table):
        for columns in (Wanted(), Wanted(text=("nobody",)), Wanted(id="sku")):
            with pytest.raises(BatchError, match="its columns are 'sku', 'body'") as refused:
                bring(str(file), None, columns)
            assert "--text COLUMN --dry-run" in str(refused.value)
            assert "batch.json" not in str(refused.value)


def test_bad_rows_are_left_out_one_by_one(tmp_path: Path) -> None:
    rows: list[Any] = [{"sku": 1, "body": "Low tide"}, {"sku": 2}, [], {"body": 7, "sku": 3}]
    done, batch = brought(
        lines(tmp_path / "a.jsonl", rows), tmp_path / "out", Wanted("sku", text=("body",))
    )
    assert [d.id for d in batch.documents] == ["1"]
    assert [entry.where for entry in done.left_out] == ["a.jsonl:2", "a.jsonl:3", "a.jsonl:4"]


def test_an_inbox_gets_a_whole_batch(tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    inbox.mkdir()
    (inbox / ".markers").touch()
    file = lines(tmp_path / "pages.v2.jsonl", [{"id": 1, "text": "Low tide"}])
    done = bring(str(file), inbox)
    assert done.folder == inbox / "pages.v2"
    assert pending(inbox) == [done.folder]
    assert waiting_reason(done.folder) is None
    with pytest.raises(UsageError, match="exists already"):
        bring(str(file), inbox)
    assert [entry.name for entry in inbox.iterdir() if entry.name != ".markers"] == ["pages.v2"]


def test_nothing_is_written_where_nothing_was_found(tmp_path: Path) -> None:
    (tmp_path / "a.docx").write_bytes(b"PK")
    (tmp_path / "empty").mkdir()
    for source in ("a.docx", "empty", "nowhere"):
        with pytest.raises(BatchError, match="nothing"):
            bring(str(tmp_path / source), tmp_path / "out")
    assert not (tmp_path / "out").exists()
