"""Leases: what somebody reads keeps its objects until they are done."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from six_versions import publish, six_versions, with_objects

from state import leases, retention
from state.retention import gc
from state.store import Store

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return six_versions(tmp_path / "store")


def test_what_somebody_reads_stays_until_they_are_done(store: Store) -> None:
    _, lease = store.lease(2)
    gc(store, 1)
    assert with_objects(store) == [2, 6]
    lease.release()
    gc(store, 1)
    assert with_objects(store) == [6]
    assert [p.name for p in (store.root / "leases").iterdir()] == ["gate"]


def test_a_lease_ends_with_whoever_has_it(store: Store) -> None:
    held = store.lease(2)
    assert leases.held(store.root) == {2}
    del held
    assert leases.held(store.root) == frozenset()


def test_a_lease_of_another_user_holds(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody else may look into it: its reader may be there still."""
    held, opened = store.lease(2), os.open

    def refused(path: Any, *how: Any, **more: Any) -> int:
        if str(path).endswith("00000002"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *how, **more)

    monkeypatch.setattr(os, "open", refused)
    gc(store, 1)
    assert with_objects(store) == [2, 6]
    del held


@pytest.fixture
def nfs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Linux keeps flock on NFS by locks that want a descriptor that may do what they keep out."""
    real = fcntl.flock

    def flock(descriptor: int, how: int) -> None:
        mode = fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_ACCMODE
        if how & fcntl.LOCK_EX and mode == os.O_RDONLY:
            raise OSError(errno.EBADF, "Bad file descriptor")
        real(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", flock)


@pytest.fixture
def unwritable(store: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A store that version 2 was read in once, on what is a read-only file system by now."""
    store.lease(2)[1].release()
    opened = os.open

    def refused(path: Any, how: int, *mode: int, **more: Any) -> int:
        if how & (os.O_RDWR | os.O_WRONLY):
            raise OSError(errno.EROFS, "Read-only file system", str(path))
        return opened(path, how, *mode, **more)

    monkeypatch.setattr(os, "open", refused)
    return store


@pytest.mark.usefixtures("nfs")
def test_leases_hold_on_a_network_file_system(store: Store) -> None:
    held = store.lease(2)
    assert leases.held(store.root) == {2}
    gc(store, 1)
    assert with_objects(store) == [2, 6]
    del held
    assert leases.held(store.root) == frozenset()
    gc(store, 1)
    assert with_objects(store) == [6]


def test_what_can_only_be_read_tells_its_leases(unwritable: Store) -> None:
    held = unwritable.lease(2)
    assert leases.held(unwritable.root) == {2}
    assert gc(unwritable, 1, dry_run=True).kept == (2, 6)
    del held
    assert leases.held(unwritable.root) == frozenset()


@pytest.mark.usefixtures("nfs")
def test_a_lease_that_nobody_can_try_holds(unwritable: Store) -> None:
    assert leases.held(unwritable.root) == {2}


def test_a_lease_that_another_gc_removes_meanwhile_holds_nothing(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    store.lease(2)[1].release()
    opened = os.open

    def removed(path: Any, *how: Any, **more: Any) -> int:
        if str(path).endswith("00000002"):
            Path(path).unlink(missing_ok=True)
        return opened(path, *how, **more)

    monkeypatch.setattr(os, "open", removed)
    assert gc(store, 1, dry_run=True).kept == (6,)


def test_a_lease_ends_with_its_process(store: Store) -> None:
    code = (
        "import sys; from pathlib import Path; from state.store import Store\n"
        "lease = Store.open(Path(sys.argv[1])).lease(2)\n"
        "print('reading', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(store.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as reader:
        assert reader.stdout is not None
        reader.stdout.readline()
        gc(store, 1)
        assert with_objects(store) == [2, 6]
        reader.kill()
    assert (store.root / "leases" / "00000002").exists()
    gc(store, 1)
    assert with_objects(store) == [6]
    assert not (store.root / "leases" / "00000002").exists()


def test_a_reader_that_comes_while_gc_decides_finds_the_version_collected(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = retention.give_up
    arrived: list[subprocess.Popen[str]] = []

    def give_up(*args: object) -> None:
        code = (
            "import sys; from pathlib import Path; from state.store import Store\n"
            "store = Store.open(Path(sys.argv[1]))\n"
            "from state import leases; real = leases.take\n"
            "leases.take = lambda *a: (print('here', flush=True), real(*a))[1]\n"
            "try: store.lease(2)\n"
            "except Exception as error: print(type(error).__name__)\n"
            "else: print('reads')"
        )
        reader = subprocess.Popen(
            [sys.executable, "-c", code, str(store.root)], stdout=subprocess.PIPE, text=True
        )
        assert reader.stdout is not None
        assert reader.stdout.readline() == "here\n"
        arrived.append(reader)
        real(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(retention, "give_up", give_up)
    gc(store, 1)
    [reader] = arrived
    assert reader.communicate()[0] == "VersionCollected\n"


def test_a_store_that_cannot_be_written_is_read_without_a_lease(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Root may write into any folder; but nobody can make one where a file lies.
    (store.root / "leases").write_text("")
    manifest, lease = store.lease(2)
    assert manifest.version == 2
    lease.release()


def test_a_reader_of_the_live_version_follows_when_it_was_overtaken(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = leases.take
    overtaken = []

    def slow(root: Path, version: int) -> leases.Lease:
        if not overtaken:
            overtaken.append(version)
            with store.writing():
                publish(store, 7)
            gc(store, 1)
        return real(root, version)

    monkeypatch.setattr(leases, "take", slow)
    manifest, _lease = store.lease()
    assert (overtaken, manifest.version) == ([6], 7)
