"""Verify: what is damaged, and which versions need it."""

from __future__ import annotations

from pathlib import Path

import pytest

from state import log
from state.manifest import Manifest
from state.objects import ALTERED, MISSING
from state.store import Store
from state.verify import Damage

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Four versions: `shared` is in all of them, and each has an object of its own."""

    made = Store.create(tmp_path / "store")
    for number in range(1, 5):
        with made.writing():
            publish(made, number)
    return made


def publish(store: Store, number: int) -> None:
    index = {"shared": put(store, "shared"), "own": put(store, f"own {number}")}
    store.publish(Manifest(number, number - 1 or None, "", "night", "", {}, index, {}, {}))


def put(store: Store, text: str) -> str:
    return store.objects.put(lambda folder: (folder / "text").write_text(text))


def where(object_id: str) -> str:
    return f"objects/{object_id[:2]}/{object_id[2:]}"


def object_of(store: Store, number: int, name: str) -> str:
    return store.manifest(number).index[name]


def overwrite(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-1] + b"?")


def test_a_damaged_object_is_named_with_the_versions_that_need_it(store: Store) -> None:
    own, shared = object_of(store, 2, "own"), object_of(store, 2, "shared")
    overwrite(store.objects.path(own) / "text")
    (store.objects.path(shared) / "text").unlink()
    store.objects.path(shared).rmdir()
    assert set(store.verify()) == {
        Damage(where(own), ALTERED, (2,)),
        Damage(where(shared), MISSING, (1, 2, 3, 4)),
    }


def test_an_object_that_was_opened_before_is_read_again(store: Store) -> None:
    own = object_of(store, 2, "own")
    overwrite(store.objects.open(own) / "text")
    assert [damage.what for damage in store.verify()] == [where(own)]


def test_objects_that_no_version_needs_are_not_read(store: Store) -> None:
    with store.writing():
        orphan = put(store, "orphan")
    overwrite(store.objects.path(orphan) / "text")
    assert store.verify() == []


def test_each_object_is_read_once_and_progress_is_told(store: Store) -> None:
    told: list[tuple[str, int, int]] = []
    store.verify(lambda *step: told.append(step))
    ids = sorted({name for manifest in store.history() for name in manifest.objects})
    assert told == [(where(name), done, 5) for done, name in enumerate(ids)]


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_damaged_manifest_hides_nothing_else(store: Store, number: int) -> None:
    own = {n: object_of(store, n, "own") for n in range(1, 5)}
    for n in own:
        overwrite(store.objects.path(own[n]) / "text")
    overwrite(store.root / "versions" / f"{number:08}.json")
    assert set(store.verify()) == {
        Damage(f"versions/{number:08}.json", "its bytes are not what was published", (number,)),
        *(Damage(where(own[n]), ALTERED, (n,)) for n in own if n != number),
    }


def test_a_missing_manifest_is_missing(store: Store) -> None:
    (store.root / "versions" / "00000002.json").unlink()
    assert store.verify() == [Damage("versions/00000002.json", "missing", (2,))]


@pytest.mark.parametrize("version", [b"1", b"3", b"5", b"44"])
def test_a_head_with_another_number_is_the_one_to_blame(store: Store, version: bytes) -> None:
    head = (store.root / "HEAD").read_bytes()
    overwrite(store.objects.path(object_of(store, 2, "own")) / "text")
    own = where(object_of(store, 2, "own"))
    (store.root / "HEAD").write_bytes(version + head[1:])
    assert [(d.what, d.versions) for d in store.verify()] == [("HEAD", (4,)), (own, (2,))]


@pytest.mark.parametrize("content", [b"", b"four", None])
def test_a_head_that_names_nothing_is_damage_and_says_what_it_was(
    store: Store, content: bytes | None
) -> None:
    head = (store.root / "HEAD").read_text().strip()
    (store.root / "HEAD").unlink() if content is None else (store.root / "HEAD").write_bytes(
        content
    )
    (damage,) = store.verify()
    assert damage.what == "HEAD"
    assert damage.reason.endswith(f"by the log it is: {head}")


def test_without_head_and_log_there_is_nothing_to_go_by(store: Store) -> None:
    (store.root / "HEAD").write_bytes(b"")
    (store.root / "log").write_bytes(b"")
    assert [damage.what for damage in store.verify()] == ["HEAD"]


@pytest.mark.parametrize("line", [0, 1, 2, 3])
def test_a_line_of_the_log_that_was_changed_or_lost_is_damage(store: Store, line: int) -> None:
    place = store.root / "log"
    lines = place.read_bytes().splitlines(keepends=True)
    changed = lines[line].replace(b'"why": "', b'"why": "?')
    place.write_bytes(b"".join([*lines[:line], changed, *lines[line + 1 :]]))
    assert store.verify() == [
        Damage("log", f"line {line + 1} is not what was written", (line + 1,))
    ]
    place.write_bytes(b"".join(lines[:line]))
    assert [d.what for d in store.verify()] == ([] if line == 3 else ["log"])


def test_a_log_that_goes_on_after_head_is_damage(store: Store) -> None:
    whole = (store.root / "log").read_bytes()
    for more in (b"{}\n", b"{", whole):
        (store.root / "log").write_bytes(whole + more)
        assert [damage.what for damage in store.verify()] == ["log"]


def test_versions_that_are_published_meanwhile_are_no_damage(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = log.content

    def content_beside_a_writer(root: Path) -> bytes:
        monkeypatch.undo()
        with store.writing():
            publish(store, 5)
            data = content(root)
            publish(store, 6)
            publish(store, 7)
        return data

    monkeypatch.setattr(log, "content", content_beside_a_writer)
    assert store.verify() == []
    assert store.head().version == 7
