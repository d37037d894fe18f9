"""`nightshift import`, as a person types it."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import worlds

from flows.live import open_live
from state.store import Store

Run = Callable[..., Any]


def test_what_was_imported_is_found(run: Run, store: Path, tmp_path: Path) -> None:
    rows = [worlds.document("sea", number)["text"] for number in range(100, 130)]
    (tmp_path / "new.csv").write_text("name,body\n" + "".join(f"n,{text}\n" for text in rows))
    (tmp_path / "inbox").mkdir()
    told = run("import", tmp_path / "new.csv", "--to", tmp_path / "inbox", "--text", "body")
    assert told.code == 0, told.err
    assert "30 documents" in told.out
    assert "made from the texts" in told.out
    assert f"nightshift update {tmp_path / 'inbox' / 'new'}" in told.out
    assert run("update", "--inbox", tmp_path / "inbox").code == 0
    hit = run("search", worlds.query("sea", 111), "--json").json["hits"][0]
    assert hit["text"] == rows[11]


def test_a_dry_run_previews_and_writes_nothing(run: Run, tmp_path: Path) -> None:
    lines = [{"sku": n, "name": f"[b]n{n}", "body": f"text {n}"} for n in range(9)]
    file = tmp_path / "a.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines) + "broken\n")
    words = ["--id", "sku", "--title", "name", "--text", "body", "--text", "name", "--dry-run"]
    told = run("import", file, "--to", tmp_path / "out", *words)
    assert told.code == 0, told.err
    assert "columns    sku, name, body" in told.out
    assert "[b]n0" in told.out
    assert "a.jsonl:10: not valid JSON" in told.out
    page = run("import", file, "--source", "shop", *words, "--json").json
    assert (page["documents"], page["source"], page["folder"]) == (9, "shop", None)
    assert page["first"][0]["text"] == "text 0\n\n[b]n0"
    assert [entry.name for entry in tmp_path.iterdir() if entry.name != "store"] == ["a.jsonl"]


def test_the_page_works_from_top_to_bottom(
    run: Run, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    page = Path(__file__).parents[2].joinpath("docs", "import.md").read_text("utf-8")
    monkeypatch.chdir(tmp_path)
    for folder in ("inbox", "manuals", "dataset/train"):
        Path(folder).mkdir(parents=True)
    table = pa.Table.from_pylist([worlds.document("law", n) for n in range(9)])
    with pa.ipc.new_stream("dataset/train/data.arrow", table.schema) as stream:
        stream.write_table(table)
    Path("dataset/train/state.json").write_text('{"_data_files": [{"filename": "data.arrow"}]}')
    Path("dataset/train/dataset_info.json").write_text("{}")
    Path("shop.csv").write_text("sku,name,summary,body,price\n7,Sieve,fine,sifts ore,3\n")
    Path("manuals/a.md").write_text("# Sifting\nShake it well.")
    Path("pages.jsonl").write_text(json.dumps({"id": 1, "text": "Low tide"}) + "\n")
    commands = re.findall(r"^\$ nightshift (.*)$", page, re.MULTILINE)
    assert len(commands) == 6
    for command in commands:
        here = command.replace("file:///tmp", f"file://{tmp_path}")
        told = run(*shlex.split(here, comments=True))
        assert told.code == 0, f"{command}: {told.err}"
    assert sorted(entry.name for entry in Path("inbox").iterdir()) == ["manuals", "shop", "train"]
    with open_live(Store.open(store)) as live:
        keys = set(live.library.number_of)
    assert {("default", "7"), ("default", "law-3"), ("manuals", "a.md")} <= keys


def test_what_is_refused(run: Run, tmp_path: Path) -> None:
    told = run("import", tmp_path / "a.csv")
    assert told.code == 2
    assert "--to inbox" in told.err
    told = run("import", tmp_path / "a.csv", "--dry-run")
    assert told.code == 1
    assert "there is nothing at" in told.err
