"""A power cut loses what was not synced: so nothing is named before its bytes are on the disk.

Every name given and every sync made during a publication is watched, and at each moment that could
be the last the names on the disk must only lead to bytes that are there.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from state.manifest import Manifest
from state.outbox import acknowledge, destination, telling
from state.pins import pin
from state.retention import gc
from state.store import Store


class Disk:
    """Which files have been synced since they were written, and which folders since a new name."""

    def __init__(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.root = root
        self.synced: set[int] = set()
        self.unsynced_folders: set[str] = set()
        self.early: list[str] = []
        self.moves = 0
        self.replaced: list[str] = []
        # Leases die with the machine, and telling MLflow twice is telling it once.
        self.may_be_lost = {root / "leases", root / "outbox"}
        for name in ("fsync", "write", "mkdir", "rename", "link", "replace", "unlink"):
            monkeypatch.setattr(os, name, self.watched(getattr(os, name), getattr(self, name)))

    def watched(self, real: Callable[..., Any], note: Callable[..., None]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            note(*args, **kwargs)
            return real(*args, **kwargs)

        return call

    def fsync(self, descriptor: int) -> None:
        self.synced.add(os.fstat(descriptor).st_ino)
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            self.unsynced_folders.discard(self.path(descriptor))

    def write(self, descriptor: int, _data: bytes) -> None:
        self.synced.discard(os.fstat(descriptor).st_ino)
        if self.path(descriptor) == str(self.root / "log"):
            self.early += [f"the log before {folder}" for folder in sorted(self.unsynced_folders)]

    def path(self, descriptor: int) -> str:
        return os.readlink(f"/proc/self/fd/{descriptor}")

    def unlink(self, path: Path | str, dir_fd: int | None = None) -> None:
        if dir_fd is None and os.path.exists(path):
            self.synced.discard(os.stat(path).st_ino)

    def mkdir(self, path: Path | str, *_mode: int) -> None:
        self.name(Path(path))

    def rename(self, source: Path, target: Path) -> None:
        self.needs_sync(source, *source.iterdir())
        self.name(target)

    def link(self, source: Path, target: Path) -> None:
        self.needs_sync(source)
        self.name(target)

    def replace(self, source: Path, target: Path) -> None:
        self.needs_sync(source)
        self.early += [f"{target.name} before {f}" for f in sorted(self.unsynced_folders)]
        self.name(target)
        self.moves += 1
        self.replaced.append(target.relative_to(self.root).as_posix())

    def needs_sync(self, *paths: Path) -> None:
        self.early += [str(path) for path in paths if path.stat().st_ino not in self.synced]

    def name(self, path: Path) -> None:
        if path.parent != self.root / "tmp" and path not in self.may_be_lost:
            self.unsynced_folders.add(str(path.parent))


@pytest.fixture
def disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Disk]:
    yield Disk(tmp_path / "store", monkeypatch)
    monkeypatch.undo()


def test_nothing_is_named_before_its_bytes_are_on_the_disk(disk: Disk) -> None:
    def write(folder: Path) -> None:
        for name in ("vectors.npy", "ids.json"):
            (folder / name).write_text(f"{name} {number}")

    store = Store.create(disk.root)
    for number in range(1, 6):
        with store.writing():
            index = {"own": store.objects.put(write), "again": store.objects.put(write)}
            parent = number - 1 or None
            store.publish(Manifest(number, parent, "", "night", "", {}, index, {}, {}))
        assert disk.early == []
        assert disk.unsynced_folders == set()
        assert (disk.root / "log").stat().st_ino in disk.synced
    assert disk.moves == 5


def test_what_no_manifest_names_is_on_the_disk_before_anybody_relies_on_it(disk: Disk) -> None:
    def write(text: str) -> Callable[[Path], object]:
        return lambda folder: (folder / "page").write_text(text)

    store = Store.create(disk.root)
    for number in (1, 2, 3):
        with store.writing():
            index = {"own": store.objects.put(write(str(number)))}
            parent = number - 1 or None
            store.publish(Manifest(number, parent, "", "night", "", {}, index, {}, {}))
    disk.replaced.clear()
    pin(store, 2, "a test")
    assert disk.unsynced_folders == set()
    gc(store, 1)
    with store.writing():
        old = store.manifest(2).index["own"]
        store.objects.supersede({old: store.objects.put(write("without"))})
    to = destination(disk.root, {})
    with telling(disk.root):
        acknowledge(disk.root, store.manifest(), to, "run")
    assert disk.replaced == [
        "pins/00000002.json", "collected", "successors", "outbox/00000003.json",
    ]  # fmt: skip
    for name in disk.replaced:
        assert (disk.root / name).stat().st_ino in disk.synced, name
    assert disk.early == []
