"""The FAISS files of large segments: used while they are whole, and else built anew."""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path

import pytest
from shelves import DIMENSION, large_shelf, questions_near

from pipeline.encoder import Vectors
from pipeline.index import Index, Shelf


@pytest.fixture(scope="module")
def large() -> Shelf:
    return large_shelf()


@pytest.fixture(scope="module")
def questions(large: Shelf) -> Vectors:
    return questions_near(large)


@pytest.mark.parametrize("factory", ["HNSW32", "IVF64,Flat"])
def test_the_cache_is_used_and_gives_the_same_answers(
    large: Shelf, questions: Vectors, tmp_path: Path, factory: str
) -> None:
    first = Index([large], factory, tmp_path).search(questions, 10)
    (file,) = tmp_path.iterdir()
    before = file.stat().st_mtime_ns
    assert Index([large], factory, tmp_path).search(questions, 10) == first
    assert file.stat().st_mtime_ns == before
    assert "," not in file.name


def cut_short(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:5000])


def emptied(file: Path) -> None:
    file.write_bytes(b"")


def overwritten(file: Path) -> None:
    file.write_bytes(b"no index at all" * 1000)


def forgotten(file: Path) -> None:
    """A power cut in which some blocks never reached the disk."""
    data = bytearray(file.read_bytes())
    vectors = 100 * DIMENSION * 4
    start = len(data) // 2
    data[start : start + vectors] = bytes(vectors)
    file.write_bytes(data)


@pytest.mark.parametrize("damage", [cut_short, emptied, overwritten, forgotten])
def test_a_damaged_cache_is_built_anew(
    large: Shelf, questions: Vectors, tmp_path: Path, damage: object
) -> None:
    first = Index([large], "IVF64,Flat", tmp_path).search(questions, 10)
    (file,) = tmp_path.iterdir()
    whole = file.read_bytes()
    damage(file)  # type: ignore[operator]
    assert Index([large], "IVF64,Flat", tmp_path).search(questions, 10) == first
    assert file.read_bytes() == whole


def test_a_cache_has_its_name_only_once_its_bytes_are_on_the_disk(
    large: Shelf, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[int] = []
    named: list[str] = []
    sync, rename = os.fsync, os.replace

    def watched(old: str, new: Path) -> None:
        assert os.stat(old).st_ino in synced
        assert not list(tmp_path.glob(f"*{new.name}"))
        named.append(new.name)
        rename(old, new)

    def noted(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_ino)
        sync(descriptor)

    monkeypatch.setattr(os, "fsync", noted)
    monkeypatch.setattr(os, "replace", watched)
    Index([large], "IVF64,Flat", tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == named
    assert len(named) == 1
    assert synced[-1] == tmp_path.stat().st_ino


def test_a_writer_that_was_killed_leaves_nothing_that_stays(
    large: Shelf, questions: Vectors, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed(old: str, new: Path) -> None:
        shutil.copy(old, f"{new}.left.faiss")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(os, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            Index([large], "IVF64,Flat", tmp_path)
    assert len(list(tmp_path.iterdir())) == 1
    first = Index([large], "IVF64,Flat", tmp_path).search(questions, 10)
    assert len(list(tmp_path.iterdir())) == 1
    assert Index([large], "IVF64,Flat", tmp_path).search(questions, 10) == first


def test_the_cache_is_its_owners_alone(large: Shelf, tmp_path: Path) -> None:
    Index([large], "IVF64,Flat", tmp_path / "cache")
    (file,) = (tmp_path / "cache").iterdir()
    assert [stat.S_IMODE(p.stat().st_mode) for p in (file, file.parent)] == [0o600, 0o700]


def test_where_no_cache_can_be_written_it_is_built_anew_each_time(
    large: Shelf, questions: Vectors, tmp_path: Path
) -> None:
    (tmp_path / "taken").touch()
    found = Index([large], "IVF64,Flat", tmp_path / "taken" / "cache").search(questions, 10)
    assert found == Index([large], "IVF64,Flat").search(questions, 10)


def test_a_cache_of_fewer_vectors_is_not_used(
    large: Shelf, questions: Vectors, tmp_path: Path
) -> None:
    half = (len(large.live) - 500, len(large.vectors) - 1000)
    fewer = Shelf(
        "large", large.vectors[: half[1]], large.first[: half[0] + 1], large.live[: half[0]]
    )
    Index([fewer], "IVF64,Flat", tmp_path)
    found = Index([large], "IVF64,Flat", tmp_path).search(questions, 10)
    assert found == Index([large], "IVF64,Flat").search(questions, 10)
