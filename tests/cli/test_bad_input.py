"""Bad input: a clear sentence, the rest of the batch is taken, the store verifies."""

from __future__ import annotations

import datetime
import gzip
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import worlds

from nightshift.server.console import complain

Run = Callable[..., Any]
NESTED = b"[" * 9000 + b"]" * 9000
GOOD = [json.dumps(worlds.document("sea", n)).encode() for n in range(60, 65)]

LINES: dict[str, tuple[bytes, int]] = {
    "malformed JSON": (b'{"_id": "x", "text": "broken', 1),
    "not an object": (b"[1, 2]", 1),
    "invalid UTF-8": (b'{"_id": "x", "text": "\xff\xfe"}', 1),
    "empty text": (b'{"_id": "x", "title": "", "text": "  "}', 1),
    "no text": (b'{"_id": "x"}', 1),
    "no id": (b'{"text": "words"}', 1),
    "an id again with another text": (b'{"_id": "sea-60", "text": "other words"}', 1),
    "a known id with the same text": (json.dumps(worlds.document("sea", 1)).encode(), 0),
    "a known id with another text": (b'{"_id": "sea-1", "text": "seacommonaa seacommonab"}', 0),
    "an id that looks like a path": (b'{"_id": "../../x", "text": "seacommonaa"}', 0),
    "an id of an odd sort": (b'{"_id": "a b\\u0000\\n", "text": "seacommonaa"}', 0),
    "NaN in the metadata": (b'{"_id": "x", "text": "words", "metadata": {"a": NaN}}', 1),
    "deep nesting": (b'{"_id": "x", "text": "words", "metadata": ' + NESTED + b"}", 1),
}  # fmt: skip


def batch(folder: Path, lines: list[bytes], **files: bytes) -> Path:
    folder.mkdir()
    (folder / "corpus.jsonl").write_bytes(b"\n".join(lines) + b"\n")
    for name, data in files.items():
        path = folder / name.replace("__", "/").replace("_tsv", ".tsv").replace("_jsonl", ".jsonl")
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(data)
    return folder


@pytest.mark.parametrize("what", LINES)
def test_a_bad_line_is_quarantined_and_the_rest_is_taken(
    run: Run, store: Path, tmp_path: Path, what: str
) -> None:
    line, refused = LINES[what]
    result = run("update", batch(tmp_path / "b", [*GOOD[:3], line, *GOOD[3:]]), "--json")
    assert result.code == 0, result.err
    [night] = result.json["batches"]
    assert night["documents"]["quarantined"] == refused
    assert night["documents"]["added"] >= 5
    entries = run("show", 2, "--json").json["facts"]["quarantined"]
    assert len(entries) == refused
    assert all("corpus.jsonl:4" in entry["where"] and entry["reason"] for entry in entries)
    assert run("verify").code == 0
    assert not (store.parent / "x").exists()


def test_a_truncated_last_line_loses_only_itself(run: Run, store: Path, tmp_path: Path) -> None:
    folder = batch(tmp_path / "b", GOOD)
    data = (folder / "corpus.jsonl").read_bytes()
    (folder / "corpus.jsonl").write_bytes(data[: len(data) - 40])
    [night] = run("update", folder, "--json").json["batches"]
    assert night["documents"]["added"] == 4
    assert night["documents"]["quarantined"] == 1


def test_a_byte_order_mark_is_no_part_of_the_text(run: Run, store: Path, tmp_path: Path) -> None:
    folder = batch(tmp_path / "b", [b"\xef\xbb\xbf" + GOOD[0], *GOOD[1:]])
    assert run("update", folder, "--json").json["batches"][0]["documents"]["added"] == 5


def test_a_truncated_archive_gives_what_is_whole(run: Run, store: Path, tmp_path: Path) -> None:
    whole = gzip.compress(b"\n".join(GOOD * 200) + b"\n", mtime=0)
    (tmp_path / "b.jsonl.gz").write_bytes(whole[: len(whole) // 2])
    result = run("update", tmp_path / "b.jsonl.gz", "--json")
    assert result.code == 0
    assert result.json["batches"][0]["documents"]["quarantined"] >= 1


def test_an_empty_batch_is_nothing_to_do(run: Run, store: Path, tmp_path: Path) -> None:
    result = run("update", batch(tmp_path / "b", []))
    assert result.code == 3
    assert "no batch brings anything" in result.err


def test_queries_and_judgements_that_lead_nowhere_are_told(
    run: Run, store: Path, tmp_path: Path
) -> None:
    folder = batch(
        tmp_path / "b",
        GOOD,
        queries_jsonl=b'{"_id": "q1", "text": "seacommonaa"}\n{"_id": "q2", "text": ""}\n',
        qrels__train_tsv=(
            b"query-id\tcorpus-id\tscore\nq1\tsea-60\t1\nq1\tnobody\t1\nq9\tsea-61\t1\nbroken\n"
        ),
    )
    result = run("update", folder, "--json")
    assert result.code == 0
    reasons = [entry["reason"] for entry in run("show", 2, "--json").json["facts"]["quarantined"]]
    assert len(reasons) == 4
    assert any("not there" in reason for reason in reasons)
    assert any("unknown" in reason for reason in reasons)


def test_a_folder_of_texts_is_a_snapshot(run: Run, store: Path, tmp_path: Path) -> None:
    folder = tmp_path / "notes"
    folder.mkdir()
    (folder / "batch.json").write_text('{"source": "notes"}')
    (folder / "one.md").write_text("# Tides\n\nseacommonaa seacommonab")
    (folder / "two.txt").write_text("seacommonac seacommonad")
    (folder / "three.md").write_bytes(b"\xff\xfe\xff")
    assert run("update", folder, "--json").json["batches"][0]["documents"]["added"] == 2
    (folder / "two.txt").unlink()
    again = run("update", folder, "--json").json["batches"][0]["documents"]
    assert again["deleted"] == 1
    assert again["unchanged"] == 1
    (folder / "two.txt").write_text("seacommonac seacommonad")
    back = run("update", folder, "--json").json["batches"][0]
    assert back["documents"]["added"] == 1, "the folder is what it was at first, the index is not"
    assert back["encoded"] == 0
    assert run("update", folder).code == 3


def test_a_batch_with_an_unreadable_source_is_refused_whole(
    run: Run, store: Path, tmp_path: Path
) -> None:
    folder = batch(tmp_path / "b", GOOD)
    (folder / "batch.json").write_text("{broken")
    result = run("update", folder)
    assert result.code == 1
    assert "source" in result.err
    assert len(run("history", "--json").json) == 1


def test_a_query_of_control_characters_does_not_reach_the_terminal(
    run: Run, store: Path, tmp_path: Path
) -> None:
    title, text = "[red]\x1b[2J", "seacommonaa \x1b]0;owned\x07 [/bold]"
    hostile = json.dumps({"_id": "x", "title": title, "text": text}).encode()
    run("update", batch(tmp_path / "b", [hostile]))
    result = run("search", "seacommonaa", "-k", 70)
    assert result.code == 0
    assert "\x1b]0" not in result.out
    assert "\x1b[2J" not in result.out
    assert "owned" in result.out


def test_tables_and_pages_are_batches_too(run: Run, store: Path, tmp_path: Path) -> None:
    words = [worlds.document("sea", n)["text"] for n in range(60, 64)]
    (tmp_path / "b").mkdir()
    rows = pa.table({"sku": [1, 2], "words": words[:2], "day": [datetime.date(2026, 3, 1), None]})
    pq.write_table(rows, tmp_path / "b" / "first.parquet")
    (tmp_path / "b" / "second.csv").write_text(f"sku,words,day\n3,{words[2]},inf\n4,{words[3]},\n")
    (tmp_path / "b" / "cut.parquet").write_bytes(b"PAR1" * 50)
    columns = {"_id": "sku", "text": "words", "metadata": "day"}
    (tmp_path / "b" / "batch.json").write_text(json.dumps({"columns": columns}))
    result = run("update", tmp_path / "b", "--json")
    assert result.code == 0, result.err
    assert result.json["batches"][0]["documents"]["added"] == 3
    entries = run("show", 2, "--json").json["facts"]["quarantined"]
    assert {(entry["where"], entry["reason"]) for entry in entries} == {
        ("cut.parquet", "not a parquet file, or a damaged one"),
        ("second.csv:2", "inf is not a finite number"),
    }
    assert run("verify").code == 0


def test_a_column_that_is_not_there_refuses_the_batch_in_a_sentence(
    run: Run, store: Path, tmp_path: Path
) -> None:
    (tmp_path / "b.csv").write_text("sku,words\n1,Tide\n")
    result = run("update", tmp_path / "b.csv")
    assert result.code == 1
    assert "its columns are 'sku', 'words'" in " ".join(result.err.split())
    assert "Traceback" not in result.err
    assert len(run("history", "--json").json) == 1


def test_an_inbox_says_what_it_does_not_take(run: Run, store: Path, tmp_path: Path) -> None:
    batch(tmp_path / "inbox", [])
    (tmp_path / "inbox" / "corpus.jsonl").rename(tmp_path / "inbox" / "x.jsonl.tmp")
    batch(tmp_path / "inbox" / "done", GOOD)
    batch(tmp_path / "inbox" / "half", GOOD, part=b"").joinpath("part").rename(
        tmp_path / "inbox" / "half" / "more.jsonl.part"
    )
    result = run("update", "--inbox", tmp_path / "inbox")
    assert result.code == 0, result.err
    told = " ".join(result.err.split())
    assert "x.jsonl.tmp waits: still being written" in told
    assert "half waits: still being written: more.jsonl.part" in told
    (tmp_path / "inbox" / ".markers").touch()
    batch(tmp_path / "inbox" / "later", GOOD)
    result = run("update", "--inbox", tmp_path / "inbox")
    assert result.code == 3
    assert "later waits: _SUCCESS is not there yet" in " ".join(result.err.split())


def test_ids_of_every_sort_reach_the_index_and_come_back(
    run: Run, store: Path, tmp_path: Path
) -> None:
    names = ["caf\u00e9", "cafe\u0301", "a\x00b", "\u202eevil", "x" * 1024, "..", "'; --"]
    text = worlds.document("sea", 70)["text"]
    made = [json.dumps({"_id": name, "text": text}).encode() for name in names]
    assert run("update", batch(tmp_path / "b", made)).code == 0
    hits = run("search", text, "-k", 8, "--json").json["hits"]
    assert {hit["id"] for hit in hits} >= set(names)
    shown = run("search", text, "-k", 8)
    assert shown.code == 0
    assert not {"\x00", "\u202e"} & set(shown.out)
    assert run("verify").code == 0


def test_an_error_of_control_characters_does_not_reach_the_terminal(
    store: Path, tmp_path: Path
) -> None:
    folder = batch(tmp_path / "x\x1b[2Jx", GOOD)
    (folder / "batch.json").write_text("{broken")
    command = [sys.executable, "-m", "nightshift.cli.main", "update", str(folder)]
    said = subprocess.run([*command, "--store", str(store)], capture_output=True, text=True)
    assert said.returncode == 1
    assert "does not say which source" in said.stderr
    assert "\x1b" not in said.stderr


def test_nor_does_one_of_the_service(capsys: pytest.CaptureFixture[str]) -> None:
    complain(ValueError("x\x1b[2Jx\nand \udce9"))
    said = capsys.readouterr().err
    assert said.endswith("ValueError: x [2Jx and\n")
