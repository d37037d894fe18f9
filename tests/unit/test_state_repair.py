"""A damaged store says so, clears nothing away, and can be repaired."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from numbered_versions import files, publish

from nightshift.errors import StoreDamaged
from state.store import Store

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "my store"


@pytest.fixture
def store(root: Path) -> Store:
    """A store with three versions."""
    return publish(Store.create(root), 1, 2, 3)


@pytest.mark.parametrize("cut", [1, 40, None])
def test_a_move_that_the_log_lacks_is_added_by_the_next_writer(
    store: Store, root: Path, cut: int | None
) -> None:
    whole = (root / "log").read_bytes()
    last = whole.splitlines(keepends=True)[-1]
    (root / "log").write_bytes(whole[: -len(last) if cut is None else -cut])
    assert [move["to"] for move in store.log()] == [1, 2]
    assert store.verify() == []
    with store.writing():
        assert (root / "log").read_bytes() == whole


def test_a_damaged_line_of_the_log_is_named(store: Store, root: Path) -> None:
    log = root / "log"
    log.write_bytes(log.read_bytes().replace(b'"to": 2', b'"to": x'))
    with pytest.raises(StoreDamaged, match="line 2"):
        store.log()


def test_a_damaged_manifest_is_never_read(store: Store, root: Path) -> None:
    page = root / "versions" / "00000002.json"
    page.write_bytes(page.read_bytes().replace(b"night 2", b"night 7"))
    with pytest.raises(StoreDamaged, match="00000002"):
        store.manifest(2)
    assert [manifest.version for manifest in store.history()] == [1, 3]
    assert store.unreadable() == [2]
    assert store.manifest().facts["number"] == 3
    assert store.manifest(1).facts["number"] == 1


def test_a_store_is_known_by_its_first_manifest_also_when_that_is_damaged(
    store: Store, root: Path
) -> None:
    page = root / "versions" / "00000001.json"
    key = hashlib.sha256(page.read_bytes()).hexdigest()
    assert store.key() == key
    page.write_bytes(b"")
    assert store.key() == key


def test_a_live_manifest_that_is_damaged_is_an_error_that_names_the_repair(
    store: Store, root: Path
) -> None:
    page = root / "versions" / "00000003.json"
    whole = page.read_bytes()
    page.write_bytes(whole[:-3])
    for attempt in (store.manifest, store.history, store.writing().__enter__):
        with pytest.raises(StoreDamaged, match="00000003") as caught:
            attempt()
        assert caught.value.hint == f"cp BACKUP/versions/00000003.json '{page}'"
    page.write_bytes(whole)
    assert store.manifest().version == 3


def test_without_a_backup_the_version_before_can_be_made_live_by_hand(
    store: Store, root: Path
) -> None:
    """As docs/operations.md says it."""
    (root / "versions" / "00000003.json").unlink()
    before = store.log()[1]
    (root / "HEAD").write_text(f"{before['to']} {before['digest']}\n")
    lines = (root / "log").read_bytes().splitlines(keepends=True)
    (root / "log").write_bytes(b"".join(lines[:-1]))
    assert store.verify() == []
    publish(store, 3)
    assert [manifest.version for manifest in store.history()] == [1, 2, 3]


@pytest.mark.parametrize("content", [b"", b"3", b"3 abc\n", b"\x00" * 67, None])
def test_a_lost_head_stops_everyone_and_the_hint_brings_it_back(
    store: Store, root: Path, content: bytes | None
) -> None:
    head, before = (root / "HEAD").read_bytes(), files(root / "versions")
    (root / "HEAD").unlink() if content is None else (root / "HEAD").write_bytes(content)
    for attempt in (store.head, store.writing().__enter__, lambda: Store.create(root)):
        with pytest.raises(StoreDamaged) as caught:
            attempt()
        assert caught.value.hint == f"echo {head.decode().strip()} > '{root / 'HEAD'}'"
    assert files(root / "versions") == before
    (root / "HEAD").write_bytes(head)
    assert store.verify() == []


def test_a_head_that_went_back_in_time_costs_no_version(store: Store, root: Path) -> None:
    old = (root / "HEAD").read_bytes()
    publish(store, 4)
    (root / "HEAD").write_bytes(old)
    with pytest.raises(StoreDamaged, match="older"):
        store.writing().__enter__()
    assert (root / "versions" / "00000004.json").exists()


def test_nothing_is_cleared_while_the_live_manifest_is_in_doubt(store: Store, root: Path) -> None:
    head = (root / "HEAD").read_text()
    (root / "HEAD").write_text(head.replace("3 ", "2 ", 1))
    with pytest.raises(StoreDamaged):
        store.writing().__enter__()
    assert (root / "versions" / "00000003.json").exists()
