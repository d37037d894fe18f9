"""Pins and gc: which versions keep their objects, and what becomes of the others."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from six_versions import put, six_versions, with_objects

from nightshift.errors import StoreDamaged, UnknownVersion, UsageError, VersionCollected
from state import collected, retention
from state.pins import pin, pinned, unpin
from state.retention import gc
from state.store import Store

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return six_versions(tmp_path / "store")


def own(store: Store, version: int) -> str:
    return store.history()[version - 1].index["own"]


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
