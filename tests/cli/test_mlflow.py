"""MLflow after a command: told what was published, and no reason to fail if it is down."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import worlds

from flows.mirror import Mirrored, mirror
from state.store import Store

Run = Callable[..., Any]
DOWN = Mirrored((), (2,), "connection refused")


@pytest.fixture
def asked(store: Path, run: Run, monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The live version at each time that MLflow is to be told; MLflow is down."""
    heads: list[int] = []

    def note(store: Store) -> Mirrored:
        heads.append(store.head().version)
        return DOWN

    monkeypatch.setattr("flows.mirror.mirror", note)
    return heads


def test_a_night_is_published_although_mlflow_is_down(
    store: Path, run: Run, asked: list[int], tmp_path: Path
) -> None:
    batch = worlds.write_batch(tmp_path / "b", "sea", range(60, 70))
    result = run("update", batch, "--json")
    assert result.code == 0
    assert result.json["version"] == 2
    assert result.err.splitlines()[-1] == (
        "MLflow was not told of a version: connection refused; the next update will catch up"
    )
    assert asked == [2]


def test_an_update_with_nothing_to_do_catches_up(
    store: Path, run: Run, asked: list[int], tmp_path: Path
) -> None:
    batch = worlds.write_batch(tmp_path / "b", "sea", range(60))
    run("update", batch)
    result = run("update", batch)
    assert result.code == 3
    assert asked == [1, 1]


def test_a_rollback_is_told_and_a_dry_run_is_not(
    store: Path, run: Run, asked: list[int], tmp_path: Path
) -> None:
    batch = worlds.write_batch(tmp_path / "b", "sea", range(60, 70))
    assert run("update", batch, "--dry-run").code == 0
    assert asked == []
    run("update", batch)
    assert run("rollback", "--reason", "no", "--dry-run").code == 0
    assert asked == [2]
    assert run("rollback", "--reason", "no").code == 0
    assert asked == [2, 3]


def test_compact_and_purge_are_told(
    store: Path, run: Run, asked: list[int], tmp_path: Path
) -> None:
    run("update", worlds.write_batch(tmp_path / "b", "sea", range(60, 70)))
    assert run("compact").code == 0
    assert run("purge", "sea-3", "--yes").code == 0
    assert asked == [2, 3, 4]


def test_init_tells_its_first_version(
    run: Run, tmp_path: Path, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        port = taken.getsockname()[1]
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        monkeypatch.setattr("flows.mirror.mirror", mirror)
        corpus = worlds.write_batch(tmp_path / "corpus", "sea", range(60))
        place = tmp_path / "store"
        result = run("init", "--corpus", corpus, "--encoder", encoder_folder, "--store", place)
    assert result.code == 0
    assert "MLflow was not told of a version:" in result.err
    assert "MLflow" not in result.out
    assert Store.open(place).head().version == 1


def test_an_alias_is_followed_where_it_leads_elsewhere(
    store: Path, run: Run, asked: list[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run("update", worlds.write_batch(tmp_path / "b", "sea", range(60, 70)))
    monkeypatch.setattr("flows.alias.version_called", lambda alias, store: {"champion": 1}[alias])
    done = run("rollback", "--to-alias", "champion", "--reason", "as in MLflow", "--json")
    assert done.json["to"] == 1
    monkeypatch.setattr("flows.alias.version_called", lambda alias, store: 3)
    assert run("rollback", "--to-alias", "champion", "--reason", "again").code == 3
    both = run("rollback", 1, "--to-alias", "champion", "--reason", "which")
    assert both.code == 2
    assert "two answers" in both.err
