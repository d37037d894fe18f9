"""Durable writing: all of it or none of it, and no second try on a file that failed."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from state import durable

OLD, NEW = b"old bytes", b"new and longer bytes"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "page"
    durable.write_new(path, OLD)
    return path


def others(path: Path) -> list[str]:
    return [other.name for other in path.parent.iterdir() if other != path]


def test_what_the_disk_takes_in_pieces_is_written_whole(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: write(descriptor, data[:3]))
    durable.replace(path, NEW)
    assert path.read_bytes() == NEW
    durable.append(path, OLD)
    assert path.read_bytes() == NEW + OLD


def test_a_new_file_is_never_an_old_one(path: Path) -> None:
    with pytest.raises(FileExistsError):
        durable.write_new(path, NEW)
    assert path.read_bytes() == OLD


def test_what_a_killed_replace_left_is_overwritten(path: Path) -> None:
    durable.unfinished(path).write_bytes(b"half of something much longer than it should be")
    durable.replace(path, NEW)
    assert path.read_bytes() == NEW
    assert others(path) == []


def test_truncate_keeps_the_beginning(path: Path) -> None:
    durable.truncate(path, 3)
    assert path.read_bytes() == OLD[:3]


@pytest.mark.parametrize("call", ["write", "fsync", "replace"])
def test_a_failed_replace_leaves_the_old_bytes_and_nothing_else(
    path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    monkeypatch.setattr(os, call, failing := Failing())
    with pytest.raises(OSError, match="injected"):
        durable.replace(path, NEW)
    assert failing.calls == 1
    assert path.read_bytes() == OLD
    assert others(path) == []


@pytest.mark.parametrize(
    "operation",
    [
        lambda path: durable.append(path, NEW),
        lambda path: durable.truncate(path, 3),
        durable.sync,
    ],
    ids=["append", "truncate", "sync"],
)
def test_a_failed_sync_is_passed_on_and_not_tried_again(
    path: Path, monkeypatch: pytest.MonkeyPatch, operation: Callable[[Path], None]
) -> None:
    monkeypatch.setattr(os, "fsync", failing := Failing())
    with pytest.raises(OSError, match="injected"):
        operation(path)
    assert failing.calls == 1


class Failing:
    """Stands in for a system call that fails, and counts how often it was tried."""

    def __init__(self) -> None:
        self.calls = 0

    def __call__(self, *_: object) -> None:
        self.calls += 1
        raise OSError(errno.EIO, "injected")
