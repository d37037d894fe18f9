"""purge and compact as their user types them."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import worlds

Run = Callable[..., Any]


def test_purge_asks_first_and_shows_what_goes(
    run: Run, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("n\n"))
    result = run("purge", "sea-3")
    assert result.code == 130
    assert "sea-3 of source default" in result.err
    assert "versions 1" in result.err
    text = worlds.document("sea", 3)["text"]
    assert run("search", text, "--json").json["hits"][0]["id"] == "sea-3"
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))
    assert run("purge", "sea-3").code == 0
    assert run("search", text, "--json").json["hits"][0]["id"] != "sea-3"


def test_purge_without_a_question(run: Run, store: Path) -> None:
    page = run("purge", "default", "sea-3", "--yes", "--json").json
    assert page == {"version": 2, "versions": [1], "objects": page["objects"], "unread": []}
    assert run("purge", "sea-3", "--yes").code == 3
    assert run("purge", "another", "sea-4", "--yes").code == 3
    assert run("verify").code == 0
    text = worlds.document("sea", 3)["text"]
    hits = run("search", text, "--version", 1, "--json").json["hits"]
    assert "sea-3" not in {hit["id"] for hit in hits}
    said = run("purge", "sea-5", "--yes").out
    assert "what experts" in said
    assert "journals that `nightshift serve --log` and `--clicks` wrote" in " ".join(said.split())


def test_compact_answers_as_before(run: Run, store: Path, tmp_path: Path) -> None:
    assert run("compact").code == 3
    extra: list[dict[str, object]] = [{"_id": "sea-1", "_deleted": True}]
    run("update", worlds.write_batch(tmp_path / "b", "sea", range(60, 80), extra=extra))
    asked = [worlds.query("sea", n) for n in (2, 61)]

    def hits() -> list[list[dict[str, object]]]:
        pages = [run("search", query, "-k", 30, "--json").json["hits"] for query in asked]
        return [[{**hit, "segment": None} for hit in page] for page in pages]

    before = hits()
    page = run("compact", "--json").json
    assert page == {
        "version": 3, "segments": {"before": 2, "after": 1}, "merged": 2, "dropped": 1,
    }  # fmt: skip
    assert hits() == before
    assert run("history", "--json").json[-1]["kind"] == "compact"
    assert "nothing" in run("compact").err or run("compact").code == 3
