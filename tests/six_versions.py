"""A store of six versions, each with an object of its own and one that all share."""

from __future__ import annotations

from pathlib import Path

from state.manifest import Manifest
from state.store import Store


def six_versions(root: Path) -> Store:
    store = Store.create(root)
    with store.writing():
        for number in range(1, 7):
            publish(store, number)
    return store


def publish(store: Store, number: int) -> None:
    index = {"own": put(store, f"own {number}"), "shared": put(store, "shared")}
    store.publish(Manifest(number, number - 1 or None, "", "night", "", {}, index, {}, {}))


def put(store: Store, text: str) -> str:
    return store.objects.put(lambda folder: (folder / "text").write_text(text))


def with_objects(store: Store) -> list[int]:
    return [m.version for m in store.history() if all(id_ in store.objects for id_ in m.objects)]
