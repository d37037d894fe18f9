"""Maintenance: compact, then gc, then verify, and what each of them did."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from handmade import answers, document, first_version, night

from flows.live import open_live
from flows.maintenance import maintain
from state.objects import ALTERED
from state.store import Store

TEXTS = [f"query {n}" for n in range(10)]


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    store = first_version(tmp_path / "store", [document(str(n)) for n in range(5)])
    night(store, [document("6")])
    return store


def test_the_store_gets_smaller_and_answers_the_same(store: Store) -> None:
    with open_live(store) as live:
        before = answers(live, TEXTS)
    done = maintain(store, 1)
    assert done.compaction is not None
    assert done.compaction.segments == (2, 1)
    assert done.sweep.versions == (1, 2)
    assert done.damage == ()
    with open_live(store) as live:
        assert answers(live, TEXTS) == before
    again = maintain(store, 1)
    assert (again.compaction, again.sweep.versions) == (None, ())
    assert again.as_json()["compact"] is None


def test_damage_is_told_with_the_versions_that_need_it(store: Store) -> None:
    maintain(store)
    router = store.objects.path(store.manifest().modules["router"]) / "router.json"
    router.write_bytes(router.read_bytes() + b" ")
    [damage] = maintain(store).damage
    assert (damage.reason, damage.versions) == (ALTERED, (1, 2, 3))


def test_a_flipped_bit_in_any_object_is_named_with_the_versions_that_need_it(store: Store) -> None:
    needs = {
        store.objects.path(object_id): tuple(
            m.version for m in store.history() if object_id in m.objects
        )
        for manifest in store.history()
        for object_id in manifest.objects
    }
    assert len(needs) == 8
    for folder, versions in needs.items():
        for file in folder.iterdir():
            data = file.read_bytes()
            flipped = bytearray(data)
            flipped[len(data) // 2] ^= 8
            file.write_bytes(flipped)
            [damage] = store.verify()
            assert damage.what == folder.relative_to(store.root).as_posix()
            assert (damage.reason, damage.versions) == (ALTERED, versions)
            file.write_bytes(data)
    assert store.verify() == []
