"""The store: versions are published one after another and read by anyone."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from numbered_versions import files, publish, version

from nightshift.errors import (
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreExists,
    StoreMissing,
    UnknownVersion,
)
from state import versions
from state.manifest import digest
from state.store import Store

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "my store"


@pytest.fixture
def store(root: Path) -> Store:
    """A store with three versions."""
    return publish(Store.create(root), 1, 2, 3)


def test_a_version_is_read_as_it_was_published(store: Store, root: Path) -> None:
    for reader in (store, Store.open(root)):
        assert [m.facts["number"] for m in reader.history()] == [1, 2, 3]
        assert reader.manifest() == reader.manifest(3) == reader.history()[-1]
        assert reader.manifest(1).reason == "night 1"
        assert reader.manifest(1).parent_digest is None
        segment = reader.manifest(2).index["segment/00000002"]
        assert (reader.objects.open(segment) / "number").read_text() == "2"
    assert store.verify() == []


def test_head_names_the_bytes_of_the_live_manifest(store: Store, root: Path) -> None:
    live = (root / "versions" / "00000003.json").read_bytes()
    assert store.head().version == 3
    assert store.head().digest == digest(live)
    assert (root / "HEAD").read_text() == f"3 {digest(live)}\n"


def test_every_manifest_names_the_bytes_of_the_one_before(store: Store, root: Path) -> None:
    for number in (2, 3):
        before = (root / "versions" / f"{number - 1:08}.json").read_bytes()
        assert store.manifest(number).parent_digest == digest(before)


def test_publish_returns_the_new_head(store: Store) -> None:
    with store.writing():
        assert store.publish(version(store, 4)) == store.head()


def test_a_reader_sees_what_others_publish_when_it_looks_again(store: Store, root: Path) -> None:
    reader = Store.open(root)
    view = reader.manifest()
    publish(store, 4)
    assert (view.version, reader.manifest().version) == (3, 4)


@pytest.mark.parametrize("number", [-1, 0, 4, 10**9])
def test_an_unknown_version_is_refused_with_those_that_there_are(store: Store, number: int) -> None:
    with pytest.raises(UnknownVersion, match=rf"no version {number}, .* versions 1 to 3") as caught:
        store.manifest(number)
    assert caught.value.hint == "nightshift history"


def test_the_log_tells_every_move_of_head(store: Store) -> None:
    moves = store.log()
    assert [(move["from"], move["to"]) for move in moves] == [(None, 1), (1, 2), (2, 3)]
    assert [move["why"] for move in moves] == ["init: night 1", "night: night 2", "night: night 3"]
    assert moves[-1]["digest"] == store.head().digest
    assert moves[-1]["time"] == store.manifest().time


def test_no_store_is_said_to_be_none(root: Path) -> None:
    hint = f"nightshift init --corpus PATH --store '{root}'"
    with pytest.raises(StoreMissing) as caught:
        Store.open(root)
    assert caught.value.hint == hint
    root.write_text("a file")
    with pytest.raises(StoreMissing):
        Store.open(root)


@pytest.mark.parametrize("there", [False, True])
def test_the_layout_is_for_its_owner_only(root: Path, there: bool) -> None:
    if there:
        root.mkdir(mode=0o755)
    Store.create(root)
    for folder in (root, root / "objects", root / "versions", root / "tmp"):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_a_store_is_created_once(store: Store, root: Path) -> None:
    before = files(root)
    with pytest.raises(StoreExists):
        Store.create(root)
    assert files(root) == before


def test_a_folder_with_something_else_is_left_alone(root: Path) -> None:
    root.mkdir()
    (root / "diary").write_text("mine")
    with pytest.raises(StoreError, match="something else"):
        Store.create(root)
    assert files(root) == {"diary": b"mine"}


def test_an_interrupted_creation_is_no_store_and_is_taken_over(root: Path) -> None:
    store = Store.create(root)
    with store.writing():
        versions.link(root, version(store, 1, reason="never live"))
    with pytest.raises(StoreMissing):
        Store.open(root)
    with pytest.raises(StoreMissing):
        store.head()
    assert publish(Store.create(root), 1).manifest().reason == "night 1"
    assert store.verify() == []


def test_of_two_creations_the_slower_one_is_told(root: Path) -> None:
    fast, slow = Store.create(root), Store.create(root)
    publish(fast, 1)
    with pytest.raises(StoreExists), slow.writing():
        slow.publish(version(slow, 1, reason="another corpus"))
    assert Store.open(root).manifest().reason == "night 1"


def test_publish_is_for_the_holder_of_the_lock(store: Store) -> None:
    with store.writing():
        following = version(store, 4)
    with pytest.raises(RuntimeError, match="writing"):
        store.publish(following)
    assert store.head().version == 3


def test_there_is_one_writer(store: Store, root: Path) -> None:
    with store.writing(), pytest.raises(StoreBusy, match=str(os.getpid())):
        Store.open(root).writing().__enter__()


def test_a_version_that_was_published_meanwhile_makes_the_slower_writer_give_up(
    store: Store,
) -> None:
    with store.writing():
        mine = version(store, 4, reason="mine")
    publish(store, 4)
    with store.writing(), pytest.raises(StoreBusy, match="version 4 was published"):
        store.publish(mine)
    assert store.manifest().reason == "night 4"


@pytest.mark.parametrize(("number", "parent"), [(5, 4), (4, 2), (4, None)])
def test_a_version_follows_the_live_one(store: Store, number: int, parent: int | None) -> None:
    with store.writing(), pytest.raises(ValueError, match="cannot follow"):
        store.publish(version(store, number, parent=parent))


def test_a_version_without_its_objects_is_not_published(store: Store) -> None:
    missing = "ab" * 32
    with store.writing(), pytest.raises(StoreDamaged, match=missing):
        store.publish(version(store, 4, modules={"router": missing}))
    assert store.head().version == 3


def test_a_number_is_never_written_over(store: Store, root: Path) -> None:
    with store.writing():
        (root / "versions" / "00000004.json").write_text("somebody was here")
        with pytest.raises(StoreBusy):
            store.publish(version(store, 4))
    assert store.head().version == 3


def test_what_was_never_live_is_in_no_history_and_gone_with_the_next_writer(
    store: Store, root: Path
) -> None:
    beyond = root / "versions" / "00000004.json"
    with store.writing():
        versions.link(root, version(store, 4, reason="never live"))
    (root / "tmp" / "half").mkdir()
    (root / "tmp" / "half" / "vectors.npy").write_bytes(b"half")
    (root / "tmp" / "page").write_bytes(b"half")
    (root / "HEAD.new").write_bytes(b"half")
    assert [m.version for m in store.history()] == [1, 2, 3]
    with pytest.raises(UnknownVersion):
        store.manifest(4)
    assert store.verify() == []
    with store.writing():
        assert not beyond.exists()
        assert not (root / "HEAD.new").exists()
        assert list((root / "tmp").iterdir()) == []


def test_a_copied_store_is_the_same_store(store: Store, root: Path, tmp_path: Path) -> None:
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    assert Store.open(copy).history() == store.history()
    assert Store.open(copy).verify() == []
