"""A flipped bit, a lost end or a swapped file in any object of a grown store: verify names it."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest
import worlds

from flows.bootstrap import bootstrap
from flows.night import update
from flows.rollback import rollback
from state.pins import pin
from state.store import Store

Versions = dict[str, tuple[int, ...]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """The sea, a night about the law for which an expert grew, and the way back."""
    folder = tmp_path_factory.mktemp("grown")
    encoder = worlds.save_tiny_encoder(folder / "encoder")
    first = worlds.write_batch(folder / "sea", "sea", range(300))
    bootstrap(folder / "store", [first], encoder=str(encoder))
    store = Store.open(folder / "store")
    update(store, [worlds.write_batch(folder / "law", "law", range(240), test_from=200)])
    rollback(store, 1, "a test", documents=True)
    pin(store, 2, "a test")
    return store


@pytest.fixture(scope="module")
def needed(store: Store) -> Versions:
    """Object -> the versions that name it, read off the manifests alone."""
    found: dict[str, list[int]] = defaultdict(list)
    for manifest in store.history():
        for id_ in {*manifest.index.values(), *manifest.modules.values()}:
            found[id_].append(manifest.version)
    return {id_: tuple(versions) for id_, versions in found.items()}


def object_files(store: Store, needed: Versions) -> Iterator[tuple[str, Path]]:
    for id_ in sorted(needed):
        for path in sorted((store.root / place(id_)).iterdir()):
            yield id_, path


def named(store: Store) -> dict[str, tuple[int, ...]]:
    """What verify says, as places and versions."""
    return {damage.what: damage.versions for damage in store.verify()}


def place(id_: str) -> str:
    return f"objects/{id_[:2]}/{id_[2:]}"


def flip(path: Path) -> None:
    """Turn one bit in the middle, on the disk and without a new length."""
    middle = path.stat().st_size // 2
    with path.open("r+b") as file:
        file.seek(middle)
        byte = file.read(1)[0]
        file.seek(middle)
        file.write(bytes([byte ^ 1 << middle % 8]))


def shorten(path: Path) -> None:
    os.truncate(path, path.stat().st_size - 1)


def test_there_is_every_sort_of_object(store: Store, needed: Versions) -> None:
    names = {name.split("/")[0] for m in store.history() for name in (*m.index, *m.modules)}
    parts = {"segment", "tombstones", "kind", "expert", "router", "pool", "registry"}
    assert names == parts
    assert {(1, 3), (2,), (1, 2, 3)} <= set(needed.values())
    assert set(store.objects.all_ids()) >= needed.keys()
    assert named(store) == {}


@pytest.mark.parametrize("harm", [flip, shorten])
def test_one_harmed_file_is_named_with_exactly_the_versions_that_need_it(
    store: Store, needed: Versions, harm: Callable[[Path], None]
) -> None:
    for id_, path in object_files(store, needed):
        before = path.read_bytes()
        harm(path)
        assert named(store) == {place(id_): needed[id_]}, path
        path.write_bytes(before)
    assert named(store) == {}


def test_two_files_that_trade_places_are_both_named(store: Store, needed: Versions) -> None:
    for (one_id, one), (two_id, two) in pairwise(object_files(store, needed)):
        first, second = one.read_bytes(), two.read_bytes()
        if first != second:
            one.write_bytes(second)
            two.write_bytes(first)
            assert named(store) == {place(id_): needed[id_] for id_ in (one_id, two_id)}
            one.write_bytes(first)
            two.write_bytes(second)
    assert named(store) == {}


def test_a_flipped_bit_in_a_pin_is_named_with_its_version(store: Store) -> None:
    path = store.root / "pins" / "00000002.json"
    before = path.read_bytes()
    flip(path)
    assert named(store) == {"pins/00000002.json": (2,)}
    path.write_bytes(before)
