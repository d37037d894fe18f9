"""Kill the writer at every call that touches the disk: the store is the old one or the new one.

Each scenario runs in a forked child whose n-th such call dies before it runs, dies halfway (of the
writes alone) or fails with an error; n goes up until the scenario ends untouched. To die after a
call is to die before the next.
"""

from __future__ import annotations

import errno
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest

from nightshift.errors import StoreError, StoreMissing
from state import versions
from state.manifest import Manifest
from state.store import Store

# Newer Pythons warn of forks beside other tests' threads; these children only write and die.
pytestmark = [
    pytest.mark.usefixtures("quick"),
    pytest.mark.filterwarnings("ignore:This process:DeprecationWarning"),
]

NAMING = ("mkdir", "link", "rename", "replace", "unlink", "rmdir")
CALLS = ("open", "close", "write", "pwrite", "ftruncate", "fsync", *NAMING)
FAULTS = {"before": CALLS, "torn": ("write",), "error": CALLS}
LEAST = {"before": 40, "torn": 3, "error": 40}
"""Calls that every scenario makes, and more."""
DONE, FAILED, ENDED_ANYWAY = 10, 11, 12


def publish_next(store: Store) -> None:
    """Publish one more version, made of an object of its own and one that all versions share."""

    def own(folder: Path) -> None:
        (folder / "number").write_text(str(number))
        (folder / "twice").write_text(str(number))

    def shared(folder: Path) -> None:
        (folder / "always").write_text("the same")

    with store.writing():
        number = store.head().version + 1 if (store.root / "HEAD").exists() else 1
        index = {"own": store.objects.put(own), "shared": store.objects.put(shared)}
        parent = number - 1 or None
        store.publish(Manifest(number, parent, "", "night", "", {}, index, {}, {"number": number}))


def nothing(root: Path) -> None:
    """No store yet."""


def two_versions(root: Path) -> None:
    store = Store.create(root)
    publish_next(store)
    publish_next(store)


def two_versions_and_a_killed_night(root: Path) -> None:
    two_versions(root)
    store = Store.open(root)
    versions.link(root, Manifest(3, 2, "", "night", "never live", {}, {}, {}, {}))
    (root / "tmp" / "half").mkdir()
    (root / "tmp" / "half" / "vectors.npy").write_bytes(b"half")
    (root / "tmp" / "page").write_bytes(b"half")
    (root / "HEAD.new").write_bytes(b"half")
    (root / "log").write_bytes((root / "log").read_bytes()[:-9])
    assert store.verify() == []


def create(root: Path) -> None:
    publish_next(Store.create(root))


def publish(root: Path) -> None:
    publish_next(Store.open(root))


SCENARIOS = {
    "create": (nothing, create),
    "publish": (two_versions, publish),
    "publish after a kill": (two_versions_and_a_killed_night, publish),
}


def arm(fault: str, when: int) -> Callable[[], bool]:
    """Let the `when`-th call in this process meet the fault; returns whether it has."""
    count = 0

    def faulty(real: Callable[..., Any], name: str) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal count
            count += 1
            if count != when:
                return real(*args, **kwargs)
            if fault == "error":
                raise OSError(errno.EIO if name == "fsync" else errno.ENOSPC, "injected")
            if fault == "torn":
                real(args[0], args[1][: len(args[1]) // 2])
            os.kill(os.getpid(), signal.SIGKILL)

        return call

    for name in FAULTS[fault]:
        setattr(os, name, faulty(getattr(os, name), name))
    return lambda: count >= when


def child(scenario: Callable[[Path], None], root: Path, fault: str, when: int) -> NoReturn:
    met = arm(fault, when)
    try:
        scenario(root)
    except (OSError, StoreError):
        os._exit(FAILED)
    except BaseException:
        os._exit(1)
    os._exit(ENDED_ANYWAY if met() else DONE)


def faulted(
    prepare: Callable[[Path], None], scenario: Callable[[Path], None], folder: Path, fault: str
) -> Iterator[Path]:
    """The store after a fault at the first call, at the second, and so on to the last."""
    prepare(folder / "prepared")
    for when in range(1, 1000):
        root = folder / f"{when}" / "store"
        root.parent.mkdir()
        if (folder / "prepared").exists():
            shutil.copytree(folder / "prepared", root)
        pid = os.fork()
        if pid == 0:
            child(scenario, root, fault, when)
        status = os.waitpid(pid, 0)[1]
        if os.WIFEXITED(status) and os.WEXITSTATUS(status) == DONE:
            assert when > LEAST[fault], "the calls of the store are no longer met"
            return
        if fault == "error":
            assert os.WEXITSTATUS(status) in {FAILED, ENDED_ANYWAY}
        else:
            assert os.WIFSIGNALED(status)
            assert os.WTERMSIG(status) == signal.SIGKILL
        yield root
    pytest.fail("the scenario never ended")


def assert_sound(store: Store) -> None:
    """All of history is there, as it was published, and every object is whole."""
    assert store.verify() == []
    assert not any(store.objects.check(object_id) for object_id in store.objects.all_ids())
    for number, manifest in enumerate(store.history(), 1):
        own = store.objects.open(manifest.index["own"])
        assert manifest.facts["number"] == number
        assert (own / "number").read_text() == (own / "twice").read_text() == str(number)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", SCENARIOS)
def test_the_store_is_the_old_one_or_the_new_one(name: str, fault: str, tmp_path: Path) -> None:
    prepare, scenario = SCENARIOS[name]
    old = 0 if prepare is nothing else 2
    seen = set()
    for root in faulted(prepare, scenario, tmp_path, fault):
        found = 0
        try:
            store = Store.open(root)
        except StoreMissing:
            assert old == 0
            store = Store.create(root)
        else:
            found = store.head().version
            assert_sound(store)
        seen.add(found)
        publish_next(store)
        assert store.head().version == found + 1
        assert_sound(Store.open(root))
        assert [move["to"] for move in store.log()] == list(range(1, found + 2))
        assert list((root / "tmp").iterdir()) == []
        assert not (root / "HEAD.new").exists()
        assert len(list((root / "versions").iterdir())) == found + 1
    assert seen == {old, old + 1}
