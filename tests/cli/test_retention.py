"""pin, unpin, gc and log as their user types them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import worlds

Run = Callable[..., Any]


@pytest.fixture
def four(run: Run, store: Path, tmp_path: Path) -> Path:
    """A store with four versions."""
    assert run("update", worlds.write_batch(tmp_path / "b", "sea", range(60, 70))).code == 0
    for reason in ("too early", "too late"):
        assert run("rollback", "--documents", "--reason", reason).code == 0
    return store


def test_history_marks_pinned_versions(run: Run, four: Path) -> None:
    assert run("pin", 1, "--reason", "the audit").code == 0
    rows = run("history", "--json").json
    assert [row["pinned"] for row in rows] == ["the audit", None, None, None]
    assert "1 pinned" in run("history").out
    assert run("pin", 2).code == 2, "a reason is asked for"
    assert run("unpin", 1, "--json").json == {"version": 1, "pinned": None}
    assert run("unpin", 1).code == 2
    assert run("pin", 9, "--reason", "x").code == 2


def test_gc_tells_what_it_frees_and_collected_versions_say_so(run: Run, four: Path) -> None:
    run("pin", 2, "--reason", "the audit")
    told = run("gc", "--keep", 1, "--dry-run", "--json").json
    done = run("gc", "--keep", 1, "--json").json
    assert {**told, "dry_run": False} == done
    assert (done["collected"], done["kept"]) == ([1, 3], [2, 4])
    assert set(done) == {
        "collected", "kept", "objects", "bytes_freed", "bytes_kept", "unreadable", "dry_run",
    }  # fmt: skip
    assert "first corpus" in run("show", 1).out
    for words in (["search", "sea", "--version", 1], ["experts", "--version", 1],
                  ["rollback", 1, "--reason", "x"], ["rollback", "--reason", "x"],
                  ["pin", 1, "--reason", "x"]):  # fmt: skip
        result = run(*words)
        assert result.code == 2, words
        assert "were collected" in result.err
        assert "nightshift history" in result.err
    assert [row["version"] for row in run("history", "--json").json] == [1, 2, 3, 4]
    assert run("verify").code == 0
    assert run("search", "sea", "--version", 2).code == 0
    assert "freed" in run("gc").out


def test_a_batch_can_be_taken_after_gc(run: Run, four: Path, tmp_path: Path) -> None:
    run("gc", "--keep", 1)
    page = run("update", worlds.write_batch(tmp_path / "c", "sea", range(70, 80)), "--json").json
    assert page["batches"][0]["documents"]["added"] == 10


def test_the_log_tells_every_move_and_why(run: Run, four: Path) -> None:
    moves = run("log", "--json").json
    assert [(move["from"], move["to"]) for move in moves] == [(None, 1), (1, 2), (2, 3), (3, 4)]
    assert set(moves[0]) == {"time", "from", "to", "why"}
    assert moves[3]["why"] == "rollback: too late"
    assert "rollback: too late" in run("log").out
