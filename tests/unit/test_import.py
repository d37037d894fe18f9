"""Imports: whatever holds texts becomes a batch, and what is broken is left out with its reason."""

from __future__ import annotations

import builtins
import json
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import fsspec
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from flows.bring import Brought, bring
from nightshift.errors import BatchError, NightshiftError, UsageError
from pipeline.batch import Batch, read_batch
from pipeline.inbox import pending, waiting_reason
from pipeline.wanted import Wanted

ROWS = [
    {"sku": 1, "name": "Ebb", "body": "The sea falls.", "price": 1.5},
    {"sku": 2, "name": None, "body": "The sea rises.", "price": None},
]


def wanted() -> Wanted:
    return Wanted("sku", "name", ("body",), ("price",))


def lines(file: Path, rows: list[Any]) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return file


def dataset(folder: Path, rows: list[dict[str, Any]], parts: int = 1) -> Path:
    """A folder as `Dataset.save_to_disk` leaves it."""
    folder.mkdir(parents=True)
    table = pa.Table.from_pylist(rows)
    names = [f"data-{part:05}-of-{parts:05}.arrow" for part in range(parts)]
    for part, name in enumerate(names):
        some = table.slice(part * len(rows) // parts, len(rows) // parts)
        with pa.ipc.new_stream(str(folder / name), table.schema) as stream:
            stream.write_table(some)
    state = {"_data_files": [{"filename": name} for name in names], "_split": None}
    (folder / "state.json").write_text(json.dumps(state))
    (folder / "dataset_info.json").write_text("{}")
    return folder


def pdf(*pages: str, title: str = "", more: bytes = b"") -> bytes:
    """A PDF file by hand: a page for each text."""
    kids = " ".join(f"{4 + 2 * n} 0 R" for n in range(len(pages)))
    bodies = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        f"<< /Type /Pages /Kids [{kids}] /Count {len(pages)} >>".encode(),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    for number, text in enumerate(pages):
        drawn = f"BT /F1 12 Tf 72 720 Td ({text}) Tj ET".encode()
        page = (
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {5 + 2 * number} 0 R "
            "/Resources << /Font << /F1 3 0 R >> >> >>"
        )
        stream = b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawn), drawn)
        bodies += [page.encode(), stream]
    bodies.append(f"<< /Title ({title}) >>".encode())
    data, places = b"%PDF-1.4\n", []
    for number, body in enumerate(bodies, start=1):
        places.append(len(data))
        data += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    count = len(bodies) + 1
    trailer = b"trailer << /Size %d /Root 1 0 R /Info %d 0 R %s >>" % (count, count - 1, more)
    xref = b"xref\n0 %d\n0000000000 65535 f \n%s%s\n" % (count, table, trailer)
    return data + xref + b"startxref\n%d\n%%%%EOF\n" % len(data)


def brought(source: Path | str, to: Path, columns: Wanted | None = None) -> tuple[Brought, Batch]:
    done = bring(str(source), to, columns)
    assert done.folder is not None
    return done, read_batch(done.folder)


def told(batch: Batch) -> list[tuple[str, str, str, str]]:
    return [(d.id, d.title, d.text, d.metadata) for d in batch.documents]


EXPECTED = [("1", "Ebb", "The sea falls.", '{"price":1.5}'), ("2", "", "The sea rises.", "{}")]


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


POISON = {
    "empty.pdf": (b"", "not a PDF file"),
    "text.pdf": (b"Low tide", "not a PDF file"),
    "cut.pdf": (pdf("Low tide")[:60], "not a PDF file"),
    "blank.pdf": (pdf(""), "no text in it"),
    "circle.pdf": (pdf("Low").replace(b"/Kids [4 0 R]", b"/Kids [2 0 R]"), "a damaged one|no text"),
    "locked.pdf": (pdf("Low tide", more=b"/Encrypt 3 0 R"), "damaged one|password"),
}


@pytest.mark.parametrize("name", POISON)
def test_a_poisoned_pdf_keeps_nobody_from_the_others(
    name: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = tmp_path / "notes"
    source.mkdir()
    data, _ = POISON[name]
    (source / name).write_bytes(data)
    (source / "sound.pdf").write_bytes(pdf("Low tide"))
    done, batch = brought(source, tmp_path / "out")
    assert [d.id for d in batch.documents] == ["sound.pdf"]
    [entry] = done.left_out
    assert entry.where == name
    assert any(said in entry.reason for said in POISON[name][1].split("|"))


def test_no_damage_to_a_pdf_is_worse_than_a_reason(tmp_path: Path) -> None:
    whole, choose = pdf("Low tide", "High tide", title="Tides"), random.Random(0)
    source = tmp_path / "notes"
    source.mkdir()
    (source / "sound.txt").write_text("sound")
    for _ in range(60):
        data = bytearray(whole)
        for place in choose.sample(range(len(data)), 8):
            data[place] = choose.randrange(256)
        (source / "a.pdf").write_bytes(bytes(data))
        done = bring(str(source), None)
        assert done.documents + len(done.left_out) == 2


def test_without_pypdf_one_sentence_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.pdf").write_bytes(pdf("Low tide"))
    real = builtins.__import__

    def missing(name: str, *rest: Any, **more: Any) -> Any:
        if name == "pypdf":
            raise ImportError(f"No module named {name!r}", name=name)
        return real(name, *rest, **more)

    monkeypatch.setattr(builtins, "__import__", missing)
    with pytest.raises(UsageError, match="not installed") as refused:
        bring(str(tmp_path / "a.pdf"), None)
    assert refused.value.hint == "pip install 'nightshift[pdf]'"


def test_a_dataset_of_several_splits_says_which(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "dataset_dict.json").write_text('{"splits": ["train", "test"]}')
    dataset(tmp_path / "d" / "train", [{"id": "1", "text": "Low tide"}])
    with pytest.raises(BatchError, match="splits: train, test") as refused:
        bring(str(tmp_path / "d"), None)
    assert str(tmp_path / "d" / "train") in str(refused.value)
    assert bring(str(tmp_path / "d" / "train"), None).documents == 1


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ("[", "is not JSON"),
        ("[" * 100_000, "is not JSON"),
        ("[]", "no document|nothing"),
        ('{"_data_files": [{"filename": "../x.arrow"}]}', "outside of its folder"),
        ('{"_data_files": [{"filename": 7}]}', "the file is not there"),
        ('{"_data_files": [7]}', "no document|nothing"),
        ('{"_data_files": [], "_indices_data_files": [1]}', "selection of rows"),
    ],
)
def test_a_state_that_cannot_be_right(state: str, said: str, tmp_path: Path) -> None:
    lines(tmp_path / "x.arrow", [])
    folder = dataset(tmp_path / "d", [{"id": "1", "text": "Low tide"}])
    (folder / "state.json").write_text(state)
    with pytest.raises(BatchError) as refused:
        bring(str(folder), None)
    assert any(part in str(refused.value) for part in said.split("|"))


def test_no_damage_to_an_arrow_file_is_worse_than_a_reason(tmp_path: Path) -> None:
    rows = [{"id": str(n), "text": f"tide {n}", "deep": {"a": [n]}} for n in range(100)]
    folder, choose = dataset(tmp_path / "d", rows), random.Random(0)
    [file] = folder.glob("*.arrow")
    whole = file.read_bytes()
    for turn in range(150):
        data = bytearray(whole)
        if turn % 3:
            for place in choose.sample(range(len(data)), 3):
                data[place] = choose.randrange(256)
        else:
            del data[choose.randrange(len(data)) :]
        file.write_bytes(bytes(data))
        try:
            done = bring(str(folder), None)
        except BatchError:
            continue
        assert done.documents <= 100


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


@pytest.fixture
def memory() -> Iterator[Any]:
    """A place that is not on the disk."""
    system = fsspec.filesystem("memory")
    yield system
    system.store.clear()
    system.pseudo_dirs[:] = [""]


def test_addresses_are_read_like_paths(memory: Any, tmp_path: Path) -> None:
    memory.pipe("/shop/a.jsonl", json.dumps(ROWS[0]).encode())
    memory.pipe("/shop/b.jsonl", json.dumps(ROWS[1]).encode())
    memory.pipe("/shop/model.bin", b"\0" * 99)
    _, batch = brought("memory://shop", tmp_path / "out", wanted())
    assert told(batch) == EXPECTED
    single = bring("memory://shop/a.jsonl", None, wanted())
    assert [d.id for d in single.first] == ["1"]
    file = lines(tmp_path / "c.jsonl", ROWS)
    assert told(brought(f"file://{file}", tmp_path / "out2", wanted())[1]) == EXPECTED
    folder = dataset(tmp_path / "d", ROWS)
    assert told(brought(f"file://{folder}", tmp_path / "out3", wanted())[1]) == EXPECTED
    assert bring(f"file://{folder}/", None, wanted()).documents == 2
    into = tmp_path / "inbox"
    into.mkdir()
    written = bring("memory://shop/a.jsonl", into, wanted()).folder
    assert written == into / "a"


def test_an_address_cannot_lead_out_of_its_folder(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory.pipe("/shop/a.jsonl", b"{}")
    monkeypatch.setattr(type(memory), "find", lambda self, path: ["/shop/../../../evil.jsonl"])
    with pytest.raises(BatchError, match="leads elsewhere"):
        bring("memory://shop", None)


def test_an_address_that_fails_is_one_sentence(
    memory: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "s3fs", None)
    refusals: dict[str, str] = {
        "memory://nothing": "nothing at memory://nothing",
        "nosuch://bucket/x": "no way to files",
        "s3://bucket/x": "not installed",
        f"file://{tmp_path}/nowhere.jsonl": "nothing at",
    }
    for address, said in refusals.items():
        with pytest.raises(NightshiftError, match=said) as refused:
            bring(address, None)
        if address.startswith("s3"):
            assert refused.value.hint == "pip install 'nightshift[s3]'"
    memory.pipe("/shop/a.jsonl", b"{}")

    def broken(self: Any, *path: object, **more: object) -> None:
        raise RuntimeError("the line is dead")

    monkeypatch.setattr(type(memory), "_open", broken)
    with pytest.raises(BatchError, match="the line is dead"):
        bring("memory://shop/a.jsonl", None)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "dataset_dict.json").write_text('{"splits": ["train"]}')
    with pytest.raises(BatchError) as refused:
        bring(f"file://{tmp_path}/d", None)
    assert f"import file://{tmp_path}/d/train" in str(refused.value)
    assert refused.value.message == f"file://{tmp_path}/d holds several splits: train"
