"""Pins, leases and gc: which versions keep their objects, and what becomes of the others."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from nightshift.errors import StoreDamaged, UnknownVersion, UsageError, VersionCollected
from state import collected, leases, retention
from state.manifest import Manifest
from state.pins import pin, pinned, unpin
from state.retention import gc
from state.store import Store


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Only a power cut loses what was not synced, and none is tested here."""
    monkeypatch.setattr(os, "fsync", lambda _: None)


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Six versions, each with an object of its own and one that all share."""
    store = Store.create(tmp_path / "store")
    with store.writing():
        for number in range(1, 7):
            publish(store, number)
    return store


def publish(store: Store, number: int) -> None:
    index = {"own": put(store, f"own {number}"), "shared": put(store, "shared")}
    store.publish(Manifest(number, number - 1 or None, "", "night", "", {}, index, {}, {}))


def put(store: Store, text: str) -> str:
    return store.objects.put(lambda folder: (folder / "text").write_text(text))


def own(store: Store, version: int) -> str:
    return store.history()[version - 1].index["own"]


def with_objects(store: Store) -> list[int]:
    return [m.version for m in store.history() if all(id_ in store.objects for id_ in m.objects)]


def test_the_newest_versions_keep_everything_and_history_stays(store: Store) -> None:
    sweep = gc(store, 2)
    assert sweep.versions == (1, 2, 3, 4)
    assert sweep.kept == (5, 6)
    assert (len(sweep.objects), sweep.freed, sweep.left) == (4, 4 * 5, 2 * 5 + 6)
    assert with_objects(store) == [5, 6]
    assert [m.version for m in store.history()] == [1, 2, 3, 4, 5, 6]
    assert len(store.log()) == 6
    assert Store.open(store.root).verify() == []


def test_gc_again_frees_nothing_and_gives_up_nothing_more(store: Store) -> None:
    gc(store, 2)
    again = gc(store, 2)
    assert (again.versions, again.freed) == ((), 0)
    assert gc(store, 30).versions == ()


def test_a_dry_run_tells_the_same_and_changes_nothing(store: Store) -> None:
    told = gc(store, 2, dry_run=True)
    assert with_objects(store) == [1, 2, 3, 4, 5, 6]
    assert collected.read(store.root) == frozenset()
    assert gc(store, 2) == told


def test_a_collected_version_says_so(store: Store) -> None:
    gc(store, 2)
    for ask in (store.manifest, store.lease, lambda version: pin(store, version, "late")):
        with pytest.raises(VersionCollected, match="the objects of version 3 were collected") as e:
            ask(3)
        assert e.value.hint == "nightshift history"
        assert e.value.exit_code == 2
    assert [m.version for m in store.standing()] == [5, 6]


def test_a_pinned_version_stays_until_it_is_unpinned(store: Store) -> None:
    pin(store, 2, "the audit")
    pin(store, 3, "a whim")
    assert pinned(store) == {2: "the audit", 3: "a whim"}
    gc(store, 1)
    assert with_objects(store) == [2, 3, 6]
    unpin(store, 3)
    gc(store, 1)
    assert with_objects(store) == [2, 6]
    assert store.verify() == []


def test_pins_that_make_no_sense_are_refused(store: Store) -> None:
    with pytest.raises(UnknownVersion):
        pin(store, 9, "x")
    with pytest.raises(UsageError, match="version 2 is not pinned"):
        unpin(store, 2)
    with pytest.raises(UsageError):
        gc(store, 0)


def test_a_pin_given_again_takes_the_new_reason(store: Store) -> None:
    pin(store, 2, "old")
    pin(store, 2, "new")
    assert pinned(store) == {2: "new"}


def test_a_damaged_pin_stops_gc_and_is_named(store: Store) -> None:
    pin(store, 2, "the audit")
    [page] = (store.root / "pins").iterdir()
    for offset in range(len(data := page.read_bytes())):
        flipped = bytearray(data)
        flipped[offset] ^= 1 << offset % 8
        page.write_bytes(flipped)
        with pytest.raises(StoreDamaged):
            gc(store, 1)
    assert [(d.what, d.versions) for d in store.verify()] == [("pins/00000002.json", (2,))]
    assert with_objects(store) == [1, 2, 3, 4, 5, 6]


def test_what_only_an_unreadable_manifest_may_name_stays_until_that_is_given_up(
    store: Store,
) -> None:
    page, blind = store.root / "versions" / "00000004.json", own(store, 4)
    page.write_bytes(page.read_bytes()[:-2])
    sweep = gc(store, 3)
    assert (sweep.versions, sweep.kept, sweep.unreadable) == ((1, 2, 3), (4, 5, 6), (4,))
    assert len(sweep.objects) == 3
    assert blind in store.objects
    sweep = gc(store, 2)
    assert (sweep.versions, sweep.kept, sweep.unreadable) == ((4,), (5, 6), ())
    assert blind not in store.objects
    assert with_objects(store) == [5, 6]


def test_a_pinned_version_that_cannot_be_read_keeps_what_it_may_name(store: Store) -> None:
    pin(store, 2, "the audit")
    blind = own(store, 2)
    (store.root / "versions" / "00000002.json").unlink()
    gc(store, 1)
    assert blind in store.objects


def test_a_damaged_list_of_what_was_collected_is_named(store: Store) -> None:
    gc(store, 4)
    page = store.root / "collected"
    page.write_bytes(page.read_bytes().replace(b"[1, 2]", b"[1, 3]"))
    assert "collected" in {damage.what for damage in store.verify()}
    with pytest.raises(StoreDamaged):
        store.manifest(3)
    assert store.manifest().version == 6, "the live version needs no list"


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


def test_what_no_version_names_goes_too(store: Store) -> None:
    with store.writing():
        stray = put(store, "a killed night's")
    sweep = gc(store)
    assert sweep.objects == (stray,)
    assert stray not in store.objects


def test_search_files_of_segments_that_nobody_needs_go(store: Store) -> None:
    cache = store.root / "cache"
    cache.mkdir()
    names = {version: cache / f"{own(store, version)}-HNSW32.faiss" for version in (1, 6)}
    for path in names.values():
        path.write_bytes(b"12345")
    sweep = gc(store, 1)
    assert [path.exists() for path in names.values()] == [False, True]
    assert sweep.freed == 5 * 5 + 5


def test_a_kill_between_record_and_deletion_leaves_a_sound_store(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(retention, "sweep_away", killed)
        with pytest.raises(KeyboardInterrupt):
            gc(store, 1)
    assert store.verify() == []
    assert with_objects(store) == [1, 2, 3, 4, 5, 6]
    with pytest.raises(VersionCollected):
        store.manifest(1)
    assert len(gc(store, 1).objects) == 5
    assert with_objects(store) == [6]


def test_the_pages_are_plain_json(store: Store) -> None:
    pin(store, 2, "the audit")
    gc(store, 1)
    assert json.loads((store.root / "collected").read_text())["page"] == [1, 3, 4, 5]
