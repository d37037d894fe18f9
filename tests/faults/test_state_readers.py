"""Readers beside a writer: each sees one version, whole, and none ever waits or fails."""

from __future__ import annotations

import os
from pathlib import Path
from typing import NoReturn

import pytest

from state.manifest import Manifest
from state.store import Store

# Newer Pythons warn of forks beside other tests' threads; this child only writes and exits.
pytestmark = [
    pytest.mark.usefixtures("quick"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]

NAMES = ("segment", "router", "pool")
PUBLISHES = 50
READS = 200


def publish(store: Store, number: int) -> None:
    """A version in which every file holds the version's number."""

    def put(name: str) -> str:
        return store.objects.put(lambda f: (f / name).write_text(f"{name} {number}"))

    with store.writing():
        made = {name: put(name) for name in NAMES}
        facts = {"number": number}
        parent = number - 1 or None
        store.publish(Manifest(number, parent, "", "night", "", {}, made, made, facts))


def publish_until_closed(root: Path, pipe: int) -> NoReturn:
    """At least so many versions, and on until the other end of the pipe is closed."""
    try:
        os.set_blocking(pipe, False)
        store = Store.open(root)
        number = 1
        while number <= PUBLISHES or not closed(pipe):
            number += 1
            publish(store, number)
    except BaseException:
        os._exit(1)
    os._exit(0)


def closed(pipe: int) -> bool:
    try:
        return os.read(pipe, 1) == b""
    except BlockingIOError:
        return False


def read_one(root: Path) -> int:
    """Read the live version from scratch; returns its number, which all of it must agree on."""
    store = Store.open(root)
    manifest = store.manifest()
    for name in NAMES:
        file = store.objects.open(manifest.index[name]) / name
        assert file.read_text() == f"{name} {manifest.version}"
    assert manifest.facts["number"] == manifest.version
    return manifest.version


def test_nobody_ever_reads_a_mixture(tmp_path: Path) -> None:
    root = tmp_path / "store"
    publish(Store.create(root), 1)
    pipe, our_end = os.pipe()
    writer = os.fork()
    if writer == 0:
        os.close(our_end)
        publish_until_closed(root, pipe)
    try:
        seen = [read_one(root) for _ in range(READS)]
        # Few of these: each takes longer than the last, and the writer goes on meanwhile.
        for _ in range(3):
            assert Store.open(root).verify() == []
            seen.append(len(Store.open(root).history()))
    finally:
        os.close(our_end)
        os.close(pipe)
        status = os.waitpid(writer, 0)[1]
    assert status == 0
    assert seen == sorted(seen)
    assert read_one(root) > PUBLISHES
