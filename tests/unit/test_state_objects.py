"""Objects: plain folders, named by all they hold."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from nightshift.errors import StoreDamaged
from state.objects import ALTERED, MISSING, Objects

FILES = {"vectors.npy": b"\x00\x01" * 300, "ids.json": b'["a","b"]', "leer": b""}


pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture
def objects(tmp_path: Path) -> Objects:
    for name in ("objects", "tmp"):
        (tmp_path / name).mkdir()
    return Objects(tmp_path)


def filled(files: dict[str, bytes]) -> Callable[[Path], None]:
    def write(folder: Path) -> None:
        for name, data in files.items():
            (folder / name).write_bytes(data)

    return write


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_an_object_holds_exactly_the_files_that_were_put(objects: Objects) -> None:
    object_id = objects.put(filled(FILES))
    assert contents(objects.open(object_id)) == FILES
    assert objects.size(object_id) == sum(map(len, FILES.values()))
    assert objects.all_ids() == [object_id]
    assert object_id in objects
    assert objects.check(object_id) is None


def test_the_id_is_the_hash_of_the_listing_and_the_path_is_the_id(
    objects: Objects, tmp_path: Path
) -> None:
    object_id = objects.put(filled(FILES))
    listing = [[n, len(d), hashlib.sha256(d).hexdigest()] for n, d in sorted(FILES.items())]
    canonical = json.dumps(listing, separators=(",", ":")).encode()
    assert object_id == hashlib.sha256(canonical).hexdigest()
    assert objects.open(object_id) == tmp_path / "objects" / object_id[:2] / object_id[2:]


def test_the_same_files_are_kept_once_whatever_order_they_were_written_in(
    objects: Objects, tmp_path: Path
) -> None:
    first = objects.put(filled(FILES))
    again = objects.put(filled(dict(reversed(FILES.items()))))
    assert first == again
    assert objects.all_ids() == [first]
    assert list((tmp_path / "tmp").iterdir()) == []


@pytest.mark.parametrize(
    "other",
    [
        {**FILES, "leer": b" "},
        {**FILES, "more": b""},
        {name: FILES[name] for name in ("vectors.npy", "ids.json")},
        {**FILES, "vectors.npy": FILES["ids.json"], "ids.json": FILES["vectors.npy"]},
        {"vectors.npz" if name == "vectors.npy" else name: FILES[name] for name in FILES},
    ],
    ids=["a byte", "a file more", "a file less", "two swapped", "a name"],
)
def test_other_files_have_another_id(objects: Objects, other: dict[str, bytes]) -> None:
    assert objects.put(filled(FILES)) != objects.put(filled(other))


def test_any_file_name_will_do(objects: Objects) -> None:
    files = {"Übung \n 1.json": b"1", "b\udcff": b"2", ".hidden": b"3"}
    assert contents(objects.open(objects.put(filled(files)))) == files


def flip(folder: Path) -> None:
    data = bytearray((folder / "vectors.npy").read_bytes())
    data[77] ^= 4
    (folder / "vectors.npy").write_bytes(data)


def truncate(folder: Path) -> None:
    (folder / "vectors.npy").write_bytes(FILES["vectors.npy"][:-1])


def remove(folder: Path) -> None:
    (folder / "leer").unlink()


def add(folder: Path) -> None:
    (folder / "more").write_bytes(b"")


def add_folder(folder: Path) -> None:
    (folder / "more").mkdir()


def swap(folder: Path) -> None:
    (folder / "vectors.npy").rename(folder / "x")
    (folder / "ids.json").rename(folder / "vectors.npy")
    (folder / "x").rename(folder / "ids.json")


def link_out(folder: Path) -> None:
    (folder / "leer").rename(folder.parent / "elsewhere")
    (folder / "leer").symlink_to(folder.parent / "elsewhere")


DAMAGES = [flip, truncate, remove, add, add_folder, swap, link_out]


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_found_before_anything_is_read(
    objects: Objects, damage: Callable[[Path], None]
) -> None:
    object_id = objects.put(filled(FILES))
    damage(objects.path(object_id))
    assert objects.check(object_id) == ALTERED
    with pytest.raises(StoreDamaged, match=f"{object_id} is damaged: {ALTERED}") as caught:
        objects.open(object_id)
    assert caught.value.hint == "nightshift verify"


@pytest.mark.parametrize("damage", DAMAGES)
def test_putting_the_same_files_again_mends_the_object(
    objects: Objects, damage: Callable[[Path], None]
) -> None:
    object_id = objects.put(filled(FILES))
    damage(objects.path(object_id))
    assert objects.put(filled(FILES)) == object_id
    assert contents(objects.open(object_id)) == FILES


def test_who_loses_a_race_for_an_object_uses_the_winners(
    objects: Objects, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rename = os.rename

    def overtaken(source: Path, target: Path) -> None:
        shutil.copytree(source, target)
        rename(source, target)

    monkeypatch.setattr(os, "rename", overtaken)
    assert contents(objects.open(objects.put(filled(FILES)))) == FILES
    assert list((tmp_path / "tmp").iterdir()) == []


def test_two_objects_that_trade_files_are_both_damaged(objects: Objects) -> None:
    one = objects.put(filled({"a": b"one"}))
    two = objects.put(filled({"a": b"two"}))
    (objects.path(one) / "a").write_bytes(b"two")
    (objects.path(two) / "a").write_bytes(b"one")
    assert objects.check(one) == objects.check(two) == ALTERED


def test_a_missing_object_says_so(objects: Objects) -> None:
    nowhere = "ab" * 32
    assert nowhere not in objects
    assert objects.check(nowhere) == MISSING
    with pytest.raises(StoreDamaged, match=MISSING):
        objects.open(nowhere)
    with pytest.raises(StoreDamaged, match=MISSING):
        objects.size(nowhere)


def test_opening_reads_the_bytes_once_and_checking_always(objects: Objects, tmp_path: Path) -> None:
    object_id = objects.put(filled(FILES))
    objects.open(object_id)
    flip(objects.path(object_id))
    objects.open(object_id)
    assert objects.check(object_id) == ALTERED
    with pytest.raises(StoreDamaged):
        Objects(tmp_path).open(object_id)


@pytest.mark.parametrize(
    "wrong", [lambda _: None, add_folder, lambda f: f.joinpath("s").symlink_to("x")]
)
def test_only_plain_files_can_be_put(
    objects: Objects, tmp_path: Path, wrong: Callable[[Path], None]
) -> None:
    with pytest.raises(ValueError, match="file"):
        objects.put(wrong)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert objects.all_ids() == []


def test_a_writer_that_fails_leaves_nothing(objects: Objects, tmp_path: Path) -> None:
    def fail(folder: Path) -> None:
        (folder / "half").write_bytes(b"half")
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        objects.put(fail)
    assert list((tmp_path / "tmp").iterdir()) == []
    assert objects.all_ids() == []


@pytest.mark.parametrize("name", ["", "ab", "../" * 20, "AB" * 32, "ab" * 32 + "\n"])
def test_what_is_no_id_never_becomes_a_path(objects: Objects, name: str) -> None:
    with pytest.raises(ValueError, match="not an object id"):
        objects.open(name)
