"""From a click log to a night that learns from it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import worlds

from flows.live import open_live
from pipeline.inbox import MARKED, pending
from state.store import Store

Run = Callable[..., Any]
DAY = 86_400


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Four people find sea-3 and sea-4 day after day; one asks what nobody else does."""
    rows: list[dict[str, object]] = []
    for number in (3, 4):
        shown = [f"sea-{n}" for n in range(number, number + 8)]
        for day in range(4):
            for user in ("ann", "bob", "cy", "di"):
                asked = {"query": worlds.query("sea", number), "time": DAY * day, "user": user}
                rows.append({**asked, "shown": shown})
                rows.append({**asked, "id": f"sea-{number}", "time": DAY * day + 9})
    for day in range(6):
        alone = {"query": "my own name", "time": DAY * day, "user": "ann"}
        rows.append({**alone, "id": "sea-5", "rank": 1})
    file = tmp_path / "log.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows) + "not json\n")
    return file


def test_a_night_learns_from_the_batch(run: Run, store: Path, log: Path, tmp_path: Path) -> None:
    told = run("clicks", log, "--out", tmp_path / "inbox" / "clicks", "--least-people", 2)
    assert told.code == 0, told.err
    assert "1: not valid JSON" in told.out
    assert "1 queries that too few people asked" in told.out
    assert "2 of 2 queries" in told.out
    folder = tmp_path / "inbox" / "clicks"
    written = b"".join(file.read_bytes() for file in folder.rglob("*") if file.is_file())
    assert b"my own name" not in written
    assert b"ann" not in written
    assert run("update", folder).code == 0
    with open_live(Store.open(store)) as live:
        pairs = [pair for kind in live.modules.kinds.values() for pair in kind.questions.pairs]
        asked = {(pair.query, pair.key, pair.origin) for pair in pairs}
    for number in (3, 4):
        assert (worlds.query("sea", number), ("default", f"sea-{number}"), "real") in asked


def test_a_dry_run_shows_pairs_and_writes_nothing(run: Run, log: Path, tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    told = run("clicks", log, "--out", tmp_path / "out", "--dry-run", "--json")
    assert told.json["clicks"] == 38
    assert told.json["looks"][:2] == [1.0, 0.5]
    assert "my own name" in {pair["query"] for pair in told.json["pairs"]}
    assert told.json["batches"] == []
    assert "sea-3" in run("clicks", log, "--dry-run").out
    assert sorted(tmp_path.rglob("*")) == before


def test_in_a_marked_inbox_the_batch_is_marked(run: Run, log: Path, tmp_path: Path) -> None:
    (tmp_path / "inbox").mkdir()
    (tmp_path / "inbox" / MARKED).touch()
    folder = tmp_path / "inbox" / "clicks"
    assert run("clicks", log, "--out", folder, "--least-people", 2).code == 0
    assert pending(tmp_path / "inbox") == [folder]


def test_several_sources_become_a_batch_each(run: Run, tmp_path: Path) -> None:
    rows = [
        {"query": f"about {source}", "source": source, "id": "1", "time": DAY * day}
        for source in ("law", "../sea")
        for day in range(9)
    ]
    log = tmp_path / "log.jsonl"
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    told = run("clicks", log, "--out", tmp_path / "c", "--json").json
    assert told["batches"] == [str(tmp_path / "c-1"), str(tmp_path / "c-2")]
    page = json.loads((tmp_path / "c-1" / "batch.json").read_text())
    assert page == {"source": "../sea"}


def test_what_is_refused(run: Run, log: Path, tmp_path: Path) -> None:
    told = run("clicks", log)
    assert told.code == 2
    assert "--out" in told.err
    (tmp_path / "out").mkdir()
    told = run("clicks", log, "--out", tmp_path / "out")
    assert told.code == 2
    assert "exists already" in told.err
    other = tmp_path / "log.csv"
    other.write_text("query,id\n")
    assert run("clicks", other, "--dry-run").code == 2
    assert run("clicks", tmp_path / "none.jsonl", "--dry-run").code == 1
    nobody = tmp_path / "nobody.jsonl"
    nobody.write_text(json.dumps({"query": "q", "id": "1", "time": 0}) + "\n")
    told = run("clicks", nobody, "--dry-run", "--least-people", 2)
    assert told.code == 2
    assert "names a user" in told.err
    assert run("clicks", nobody, "--out", tmp_path / "x").code == 3
    nobody.write_text("")
    assert run("clicks", nobody, "--dry-run").code == 3
