"""Odd names, rivals, locks and errors: MLflow is told each version once, or it waits."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import worlds
from mlflow_reader import assert_told_once, client_of, runs_of

from flows import deliver as telling
from flows.deliver import deliver_waiting
from flows.mirror import mirror
from flows.night import update
from state.outbox import destination, waiting
from state.store import Store

# MLflow and its libraries warn of their own future.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.mark.parametrize("name", ["a b", "100 %20", "c#1", "ünï", "it's", "a;b&c=d"])
def test_a_store_of_any_name_is_told(
    name: str, told: Callable[[Store], Store], first_store: Path, tmp_path: Path
) -> None:
    shutil.copytree(first_store, tmp_path / name)
    store = told(Store.open(tmp_path / name))
    assert deliver_waiting(store) == [1]
    [run] = runs_of(store)
    artifacts = store.root / "mlflow" / "artifacts" / run.info.run_id / "artifacts"
    assert (artifacts / "decision.md").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


def test_two_stores_of_one_name_do_not_share_a_model(
    ready: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder_folder: Path
) -> None:
    from flows.bootstrap import bootstrap

    monkeypatch.setenv("MLFLOW_TRACKING_URI", destination(ready.root, {}).uri)
    monkeypatch.chdir(tmp_path)
    deliver_waiting(ready)
    corpus = worlds.write_batch(tmp_path / "corpus", "ore", range(60))
    bootstrap(tmp_path / "other" / "grown", [corpus], encoder=str(encoder_folder))
    deliver_waiting(Store.open(tmp_path / "other" / "grown"))
    models = {model.name for model in client_of(ready).search_registered_models()}
    assert len(models) == 2
    assert "grown" in models


def test_two_deliverers_at_once_tell_once(ready: Store) -> None:
    command = [sys.executable, "-P", "-m", "flows.deliver", str(ready.root)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate()[0] for process in processes]
    codes = sorted(process.returncode for process in processes)
    assert codes in ([0, 0], [0, 1]), printed
    assert all("telling it already" in page for page in printed if page)
    assert_told_once(ready)


def test_a_locked_database_is_waited_for_a_while_and_then_left(ready: Store) -> None:
    holder = sqlite3.connect(ready.root / "mlflow" / "mlflow.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    started = time.monotonic()
    mirrored = mirror(ready)
    holder.execute("ROLLBACK")
    holder.close()
    assert mirrored.told == ()
    assert mirrored.waiting == (1, 2)
    assert "locked" in str(mirrored.error)
    assert time.monotonic() - started < 60
    assert mirror(ready).told == (1, 2)
    assert_told_once(ready)


@pytest.mark.parametrize("place", ["record_of", "deliver"])
def test_a_version_that_cannot_be_told_keeps_no_other_waiting(
    ready: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    update(ready, [worlds.write_batch(tmp_path / "more", "sea", range(300, 310))])
    whole = getattr(telling, place)

    def but_for_the_second(*given: Any) -> Any:
        version = given[1].version if place == "record_of" else given[0].version
        if version == 2:
            "\ud800".encode()
        return whole(*given)

    monkeypatch.setattr(telling, place, but_for_the_second)
    with pytest.raises(UnicodeEncodeError):
        deliver_waiting(ready)
    assert [one.version for one in waiting(ready, destination(ready.root))] == [2]
    monkeypatch.setattr(telling, place, whole)
    assert deliver_waiting(ready) == [2]


def test_an_mlflow_that_is_down_for_one_is_down_for_all(
    ready: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def down(record: Any, to: Any) -> str:
        asked.append(record)
        raise ConnectionRefusedError("Connection refused")

    monkeypatch.setattr(telling, "deliver", down)
    with pytest.raises(ConnectionRefusedError):
        deliver_waiting(ready)
    assert len(asked) == 1
