"""tune and migrate as their user types them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import worlds

from pipeline.experts import prefix

Run = Callable[..., Any]


def test_a_migration_is_estimated_made_and_taken_back(
    run: Run, store: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    other = worlds.save_tiny_encoder(tmp_path_factory.mktemp("other"), seed=1)
    asked = worlds.query("sea", 3)
    before = run("search", asked, "--json").json["hits"]
    dry = run("migrate", "--encoder", other, "--dry-run")
    assert dry.code == 0
    assert "dry run: 60 documents by" in dry.out
    done = run("migrate", "--encoder", other, "--anyway")
    assert "version 2: 60 documents by" in done.out
    assert "points of nDCG@10 (90 % interval" in done.out
    assert run("search", asked, "--json").json["hits"] != before
    assert run("history", "--json").json[-1]["kind"] == "migrate"
    assert run("diff", 1, 2).code == 0
    assert run("migrate", "--encoder", other).code == 3
    refused = run("rollback", 1, "--reason", "slow")
    assert refused.code != 0
    assert "nightshift rollback 1 --documents" in refused.err
    assert run("rollback", 1, "--documents", "--reason", "slow").code == 0
    assert run("search", asked, "--json").json["hits"] == before


def test_an_encoder_is_tuned_and_taken(
    run: Run, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefix, "TOKENS", 8)
    done = run("tune", "--out", tmp_path / "tuned")
    assert done.code == 0, done.err
    assert "behind a general prefix" in done.out
    assert "queries about" in done.out
    assert f"next: nightshift migrate --encoder {tmp_path / 'tuned'}" in done.out
    assert run("history", "--json").json[-1]["kind"] == "init"
    moved = run("migrate", "--encoder", tmp_path / "tuned", "--anyway")
    assert "version 2: 60 documents by" in moved.out
    again = run("tune", "--out", tmp_path / "tuned")
    assert (again.code, "exists already" in again.err) == (2, True)
    for format in ("sentence-transformers", "peft"):
        told = run("export", format, "--out", tmp_path / "out")
        assert f"has a general prefix, which {format} does not know" in told.err
