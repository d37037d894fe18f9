"""A full disk and a store that may not be written: one sentence, and everything is as it was."""

from __future__ import annotations

import errno
import os
import resource
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from crashing import COMMANDS, typed
from handmade import answers, document, first_version, night

from flows.live import open_live
from flows.mirror import Mirrored
from nightshift.errors import NightshiftError, StoreError
from pipeline.documents import Pair
from state.pins import pin
from state.store import Store

# Newer Pythons warn of forks beside other tests' threads; these children only try to write.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

NOBODY = 65534
TEXTS = [f"query {n}" for n in range(8)]
COMMANDS_HERE: dict[str, Callable[[Store], object]] = {
    "update": lambda store: night(store, [document("new")]),
    "rollback": lambda store: COMMANDS["rollback"](store, "1"),
    "compact": lambda store: COMMANDS["compact"](store, ""),
    "gc": lambda store: COMMANDS["gc"](store, "1"),
    "purge": lambda store: COMMANDS["purge"](store, "2"),
    "pin": lambda store: pin(store, 1, "why"),
}
WORKED, REFUSED, WRONG = 0, 10, 1


@pytest.fixture
def store() -> Iterator[Store]:
    """A store that anybody could reach; pytest's own folders are closed to others."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    store = first_version(
        folder / "store", [document(str(n)) for n in range(5)], [Pair("2?", ("default", "2"))]
    )
    night(store, [document("5")], [("default", "1")])
    yield store
    shutil.rmtree(folder)


def outcome(work: Callable[[], object]) -> int:
    """How a child that does this ends: the operating system's refusal is an expected one."""
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(WORKED)
        except (OSError, NightshiftError):
            os._exit(REFUSED)
        except BaseException:
            os._exit(WRONG)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def on_a_full_disk(command: Callable[[Store], object], root: Path, room: int) -> None:
    """No file may grow beyond `room` bytes."""
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))
    command(Store.open(root))


def without_rights(command: Callable[[Store], object], root: Path) -> None:
    """As somebody who may read and not write; root would be let through."""
    if os.geteuid() == 0:
        os.setuid(NOBODY)
    command(Store.open(root))


def found(store: Store) -> tuple[int, list[list[tuple[str, str, float]]]]:
    with open_live(store) as live:
        return live.manifest.version, answers(live, TEXTS)


@pytest.mark.parametrize("room", [0, 60])
@pytest.mark.parametrize("name", COMMANDS_HERE)
def test_a_full_disk_changes_nothing_and_the_next_run_succeeds(
    store: Store, name: str, room: int
) -> None:
    before = found(store)
    assert outcome(lambda: on_a_full_disk(COMMANDS_HERE[name], store.root, room)) == REFUSED
    assert found(Store.open(store.root)) == before
    assert Store.open(store.root).verify() == []
    assert outcome(lambda: COMMANDS_HERE[name](Store.open(store.root))) == WORKED
    assert Store.open(store.root).verify() == []


@pytest.mark.parametrize("name", COMMANDS_HERE)
def test_a_store_that_may_not_be_written_is_left_as_it_is(store: Store, name: str) -> None:
    before = found(store)
    shutil.rmtree(store.root / "leases")
    rights = {path: path.stat().st_mode for path in [store.root, *store.root.rglob("*")]}
    for path in rights:
        path.chmod(0o555 if path.is_dir() else 0o444)
    assert outcome(lambda: without_rights(COMMANDS_HERE[name], store.root)) == REFUSED
    assert outcome(lambda: without_rights(lambda s: as_before(s, before), store.root)) == WORKED
    assert {store.root, *store.root.rglob("*")} == rights.keys()
    for path, mode in rights.items():
        path.chmod(mode)
    assert found(store) == before
    COMMANDS_HERE[name](Store.open(store.root))


def as_before(store: Store, before: object) -> None:
    assert found(store) == before


TYPED = {
    "rollback": ["rollback", "1", "--reason", "a test"],
    "compact": ["compact"],
    "gc": ["gc", "--keep", "1"],
    "purge": ["purge", "2", "--yes"],
    "pin": ["pin", "1", "--reason", "a test"],
}


def said(words: list[str], store: Store, work: Callable[[], None] = lambda: None) -> list[str]:
    """What the command typed in a child says on stderr, its exit code in front."""
    hears, says = os.pipe()

    def speak() -> None:
        work()
        code, text = typed(*words, "--store", store.root)
        os.write(says, f"{code}\n{text}".encode())

    assert outcome(speak) == WORKED
    os.close(says)
    with os.fdopen(hears) as file:
        return file.read().splitlines()


def no_room() -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))


def nobody() -> None:
    if os.geteuid() == 0:
        os.setuid(NOBODY)


@pytest.fixture
def mute(monkeypatch: pytest.MonkeyPatch) -> None:
    """MLflow has tests of its own."""
    monkeypatch.setattr("flows.mirror.mirror", lambda store: Mirrored((), (), None))


@pytest.mark.usefixtures("mute")
@pytest.mark.parametrize("name", TYPED)
def test_a_command_says_in_a_sentence_that_the_disk_is_full(store: Store, name: str) -> None:
    before = found(store)
    code, sentence, hint = said(TYPED[name], store, no_room)
    assert code == "1"
    assert sentence.startswith("error: ")
    assert sentence.endswith("File too large; the live version is whole")
    assert hint == "  try: nightshift gc, then the same command"
    assert found(Store.open(store.root)) == before
    assert Store.open(store.root).verify() == []
    assert said(TYPED[name], store) == ["0"]
    assert Store.open(store.root).verify() == []


@pytest.mark.usefixtures("mute")
@pytest.mark.parametrize("name", TYPED)
def test_a_command_says_in_a_sentence_that_it_may_not_write(store: Store, name: str) -> None:
    before = found(store)
    rights = {path: path.stat().st_mode for path in [store.root, *store.root.rglob("*")]}
    for path in rights:
        path.chmod(0o555 if path.is_dir() else 0o444)
    code, sentence, hint = said(TYPED[name], store, nobody)
    assert code == "1"
    assert sentence.endswith("Permission denied; the live version is whole")
    assert hint == "  try: the same command, where it may write"
    for path, mode in rights.items():
        path.chmod(mode)
    assert found(store) == before
    assert said(TYPED[name], store) == ["0"]
    assert Store.open(store.root).verify() == []


def test_gc_frees_what_no_version_needs_even_on_a_full_disk(store: Store) -> None:
    with store.writing():
        stray = store.objects.put(lambda folder: (folder / "stray").write_text("killed night"))
    assert stray in store.objects
    work = COMMANDS_HERE["gc"]
    assert outcome(lambda: on_a_full_disk(work, store.root, 0)) == REFUSED
    assert stray not in store.objects
    assert len(store.standing()) == 2
    assert store.verify() == []


def test_gc_empties_what_a_killed_night_was_writing_before_it_needs_room(store: Store) -> None:
    (store.root / "tmp" / "half").mkdir()
    (store.root / "tmp" / "half" / "vectors.npy").write_bytes(bytes(1000))
    log = store.root / "log"
    log.write_bytes(log.read_bytes()[:-9])
    assert outcome(lambda: on_a_full_disk(COMMANDS_HERE["gc"], store.root, 0)) == REFUSED
    assert list((store.root / "tmp").iterdir()) == []
    assert outcome(lambda: COMMANDS_HERE["gc"](Store.open(store.root))) == WORKED
    assert store.verify() == []


def test_a_disk_that_fills_once_a_version_is_live_does_not_unsay_it(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "log")

    monkeypatch.setattr("state.log.append", full)
    with pytest.raises(StoreError) as caught:
        night(store, [document("new")])
    assert (
        caught.value.message
        == "version 3 is live, but what follows could not be written: No space left on device"
    )
    assert caught.value.hint == "nightshift gc"
    monkeypatch.undo()
    assert store.verify() == []
    assert night(store, [document("newer")]) == 4
    assert store.verify() == []
