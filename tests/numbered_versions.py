"""A store whose every version holds its own number, and the bytes that lie in its folder."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

from state.manifest import Manifest
from state.store import Store


def version(store: Store, number: int, **changes: Any) -> Manifest:
    """Manifest `number`, with an object of its own; only inside `store.writing()`."""

    def write(folder: Path) -> None:
        (folder / "number").write_text(str(number))

    manifest = Manifest(
        version=number,
        parent=number - 1 or None,
        time=f"2031-05-{number:02}T02:00:00Z",
        kind="init" if number == 1 else "night",
        reason=f"night {number}",
        encoder={"name": "tiny"},
        index={f"segment/{number:08}": store.objects.put(write)},
        modules={},
        facts={"number": number},
    )
    return dataclasses.replace(manifest, **changes)


def publish(store: Store, *numbers: int) -> Store:
    with store.writing():
        for number in numbers:
            store.publish(version(store, number))
    return store


def files(root: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()
    }
