"""Whatever happens to a file of the store, verify sees it, and no reader is given other bytes."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import pytest

from nightshift.errors import StoreDamaged
from state.manifest import Manifest
from state.store import Store

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    def write(folder: Path) -> None:
        (folder / "vectors.npy").write_bytes(bytes(range(number, number + 90)))
        (folder / "ids.json").write_text(f"{number}")

    store = Store.create(tmp_path / "store")
    with store.writing():
        for number in (1, 2, 3):
            index = {"segment": store.objects.put(write)}
            parent = number - 1 or None
            store.publish(Manifest(number, parent, "", "night", "", {}, index, {}, {}))
    assert store.verify() == []
    return store


def files(store: Store) -> list[Path]:
    found = (path for path in sorted(store.root.rglob("*")) if path.is_file())
    return [path for path in found if path.name != "lock"]


def flips(data: bytes) -> Iterator[bytes]:
    for offset in range(len(data)):
        changed = bytearray(data)
        changed[offset] ^= 1 << offset % 8
        yield bytes(changed)


def reads_what_was_published(store: Store) -> bool:
    """Every byte of every version, through a reader that starts anew; or StoreDamaged."""
    reader = Store.open(store.root)
    for version in range(1, reader.head().version + 1):
        manifest = reader.remembered(version)
        folder = reader.objects.open(manifest.index["segment"])
        number = manifest.version
        assert (folder / "vectors.npy").read_bytes() == bytes(range(number, number + 90))
        assert (folder / "ids.json").read_text() == f"{number}"
    return True


def assert_named(store: Store, path: Path) -> None:
    place = str(path.relative_to(store.root))
    assert any(place == d.what or place.startswith(d.what + "/") for d in store.verify())


def assert_seen(store: Store, path: Path) -> None:
    assert_named(store, path)
    if path.name == "log":
        assert reads_what_was_published(store)
    else:
        with pytest.raises(StoreDamaged):
            reads_what_was_published(store)


def test_a_flipped_bit_is_seen_in_any_byte_of_any_file(store: Store) -> None:
    for path in files(store):
        data = path.read_bytes()
        for changed in flips(data):
            path.write_bytes(changed)
            assert_seen(store, path)
        path.write_bytes(data)
    assert store.verify() == []


def test_a_file_cut_short_is_seen_at_any_length(store: Store) -> None:
    for path in files(store):
        data = path.read_bytes()
        # A log that lacks its last move, or part of it, is what a kill leaves.
        end = data[:-1].rfind(b"\n") + 1 if path.name == "log" else len(data)
        for length in range(end):
            path.write_bytes(data[:length])
            assert_seen(store, path)
        path.write_bytes(data)
    assert store.verify() == []


def to_be_named(one: Path, two: Path) -> list[Path]:
    """Both, unless the damage to one takes away what the other could be checked against."""
    if (one.name, two.name) == ("HEAD", "log"):
        return [one]
    if one.name in {"ids.json", "vectors.npy"} and two.parent.name == "versions":
        return [two]
    return [one, two]


def test_two_files_that_trade_places_are_both_seen(store: Store) -> None:
    for one, two in combinations(files(store), 2):
        bytes_of_one, bytes_of_two = one.read_bytes(), two.read_bytes()
        one.write_bytes(bytes_of_two)
        two.write_bytes(bytes_of_one)
        for path in to_be_named(one, two):
            assert_named(store, path)
        with pytest.raises(StoreDamaged):
            reads_what_was_published(store)
        one.write_bytes(bytes_of_one)
        two.write_bytes(bytes_of_two)
    assert store.verify() == []


def test_a_lost_file_is_seen(store: Store) -> None:
    for path in files(store):
        data = path.read_bytes()
        path.unlink()
        assert_seen(store, path)
        path.write_bytes(data)
    assert store.verify() == []
