"""The outbox: what MLflow has still to be told is what has no receipt, whatever happened."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from nightshift.errors import StoreBusy, StoreError
from state.manifest import Manifest
from state.outbox import Destination, acknowledge, destination, telling, waiting
from state.store import Store

HERE, THERE = Destination("sqlite:////here.db", None), Destination("http://there:5000", None)
HOLD = """
import sys
from pathlib import Path
from state.outbox import telling
with telling(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three versions and no folder `outbox`, as stores were before there was one."""
    store = Store.create(tmp_path / "store")
    with store.writing():
        for number in (1, 2, 3):
            store.publish(manifest(number))
    return store


def manifest(number: int, reason: str = "") -> Manifest:
    parent = number - 1 or None
    return Manifest(number, parent, "2031-05-01T02:00:00Z", "night", reason, {}, {}, {}, {})


def numbers(store: Store, to: Destination = HERE) -> list[int]:
    return [manifest.version for manifest in waiting(store, to)]


def told(store: Store, number: int, to: Destination = HERE) -> None:
    with telling(store.root):
        acknowledge(store.root, store.manifest(number), to, "run")


def test_what_has_no_receipt_waits_oldest_first(store: Store) -> None:
    assert numbers(store) == [1, 2, 3]
    told(store, 2)
    assert numbers(store) == [1, 3]


def test_a_version_published_after_all_were_told_waits(store: Store) -> None:
    for number in (1, 2, 3):
        told(store, number)
    assert numbers(store) == []
    with store.writing():
        store.publish(manifest(4))
    assert numbers(store) == [4]


def test_another_mlflow_has_been_told_nothing(store: Store) -> None:
    told(store, 1, HERE)
    assert numbers(store, THERE) == [1, 2, 3]


@pytest.mark.parametrize("torn", [b"", b"{", b"[]", b'{"digest": 1}', b"\xff"])
def test_a_torn_receipt_is_none(store: Store, torn: bytes) -> None:
    told(store, 1)
    (store.root / "outbox" / "00000001.json").write_bytes(torn)
    assert numbers(store) == [1, 2, 3]


def test_a_receipt_of_another_history_does_not_count(store: Store) -> None:
    """A store restored from a backup lives through another version 3."""
    with telling(store.root):
        acknowledge(store.root, manifest(3, "what was lost"), HERE, "run")
    assert numbers(store) == [1, 2, 3]


def test_a_receipt_tells_no_password(store: Store) -> None:
    told(store, 1, Destination("http://me:secret@tracker", None))
    assert "secret" not in (store.root / "outbox" / "00000001.json").read_text()


@pytest.fixture
def other(store: Store) -> Iterator[subprocess.Popen[str]]:
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(store.root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def test_one_process_tells_at_a_time_and_nights_go_on(
    store: Store, other: subprocess.Popen[str]
) -> None:
    with pytest.raises(StoreBusy, match="telling it already"), telling(store.root):
        pass
    with store.writing():
        store.publish(manifest(4))
    assert store.head().version == 4
    other.kill()
    other.wait()
    with telling(store.root):
        pass


def test_the_environment_says_where_mlflow_is(tmp_path: Path) -> None:
    there = destination(tmp_path, {"MLFLOW_TRACKING_URI": "http://tracker:5000"})
    assert there == Destination("http://tracker:5000", None)
    for unset in ({}, {"MLFLOW_TRACKING_URI": ""}):
        here = destination(tmp_path, unset)
        assert here.uri == f"sqlite:///{tmp_path}/mlflow/mlflow.db"
        assert here.artifacts == tmp_path / "mlflow" / "artifacts"


def test_a_relative_path_is_the_same_place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    relative = Path(os.curdir, "store")
    assert destination(relative, {}) == destination(tmp_path / "store", {})


def test_a_path_that_sqlite_would_cut_short_is_refused(tmp_path: Path) -> None:
    with pytest.raises(StoreError, match=r"has a '\?'"):
        destination(tmp_path / "what?", {})
