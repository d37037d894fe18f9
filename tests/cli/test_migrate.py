"""migrate as its user types it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import worlds

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
