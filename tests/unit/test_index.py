"""Search finds what a look at every passage would find, and never a document that is gone."""

from __future__ import annotations

import gc
import os
import shutil
import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.errors import UsageError
from pipeline.encoder import Vectors
from pipeline.index import SMALL, Found, Index, Shelf

DIMENSION = 8


def drawn(count: int, seed: int) -> Vectors:
    """Vectors of small whole numbers: sums are exact, and many scores are equal."""
    values = np.random.default_rng(seed).integers(-2, 3, (count, DIMENSION))
    return values.astype(np.float32)


def shelf(name: str, sizes: list[int], live: list[bool], seed: int) -> Shelf:
    first = np.concatenate([[0], np.cumsum(sizes, dtype=np.int64)])
    return Shelf(name, drawn(int(first[-1]), seed), first, np.array(live, bool))


def by_looking_at_everything(
    shelves: list[Shelf], queries: Vectors, k: int
) -> list[list[tuple[int, float]]]:
    answers = []
    for query in queries:
        scores: list[tuple[float, int]] = []
        offset = 0
        for one in shelves:
            for row, alive in enumerate(one.live):
                if alive:
                    own = one.vectors[one.first[row] : one.first[row + 1]] @ query
                    scores.append((-float(own.max()), offset + row))
            offset += len(one.live)
        answers.append([(number, -score) for score, number in sorted(scores)[:k]])
    return answers


def pairs(found: list[list[Found]]) -> list[list[tuple[int, float]]]:
    return [[(hit.number, hit.score) for hit in hits] for hits in found]


@st.composite
def collections(draw: st.DrawFn) -> list[Shelf]:
    shelves = []
    for number in range(draw(st.integers(1, 4))):
        documents = draw(st.sampled_from([0, 1, 12, 40]))
        most = draw(st.sampled_from([1, 5]))
        seed, gone = draw(st.integers(0, 999)), draw(st.sampled_from([0.0, 0.3, 1.0]))
        random = np.random.default_rng(seed)
        sizes = random.integers(1, most + 1, documents).tolist()
        live = (random.random(documents) >= gone).tolist()
        shelves.append(shelf(f"s{number}", sizes, live, seed))
    return shelves


@given(collections(), st.integers(0, 40), st.integers(1, 30), st.integers(0, 999))
def test_an_exact_search_is_a_look_at_everything(
    shelves: list[Shelf], k: int, queries: int, seed: int
) -> None:
    index = Index(shelves)
    asked = drawn(queries, seed)
    found = index.search(asked, k)
    assert pairs(found) == by_looking_at_everything(shelves, asked, k)
    assert index.documents == sum(int(one.live.sum()) for one in shelves)


@given(collections(), st.integers(0, 999))
def test_the_passage_of_a_hit_is_its_best_one(shelves: list[Shelf], seed: int) -> None:
    vectors = [
        one.vectors[one.first[row] : one.first[row + 1]]
        for one in shelves
        for row in range(len(one.live))
    ]
    query = drawn(1, seed)
    for hit in Index(shelves).search(query, 50)[0]:
        own = vectors[hit.number] @ query[0]
        assert hit.score == own.max()
        assert hit.passage == own.argmax()


@pytest.mark.parametrize("queries", [1, 30])
@pytest.mark.parametrize("k", [1, 7, 150])
def test_of_equal_documents_those_that_came_first_are_found(k: int, queries: int) -> None:
    same = np.ones((300, DIMENSION), np.float32)
    shelves = [Shelf(name, same, np.arange(301), np.arange(300) % 3 > 0) for name in "ab"]
    first = [number for number in range(600) if number % 300 % 3][:k]
    for hits in Index(shelves).search(same[:queries], k):
        assert [hit.number for hit in hits] == first


def test_a_document_of_many_near_passages_does_not_crowd_out_the_others() -> None:
    query = np.zeros((1, DIMENSION), np.float32)
    query[0, 0] = 1
    near = np.repeat(query, 500, axis=0)
    far = drawn(20, 1) / 10
    far[:, 0] = 0.5
    sizes = [500] + [1] * 20
    first = np.concatenate([[0], np.cumsum(sizes)])
    found = Index([Shelf("s", np.concatenate([near, far]), first, np.ones(21, bool))])
    hits = found.search(query, 10)[0]
    assert [hit.number for hit in hits] == list(range(10))


def test_a_library_of_the_dead_answers_nothing() -> None:
    index = Index([shelf("s", [1, 2], [False, False], 0), shelf("t", [], [], 0)])
    assert index.search(drawn(2, 1), 5) == [[], []]
    assert Index([]).search(drawn(2, 1), 5) == [[], []]
    assert index.documents == 0


def test_tombstones_outlive_the_hands_that_made_them() -> None:
    """FAISS keeps a pointer into the bitmap, so the bitmap must live as long as the index."""
    live = np.arange(4000) % 5 == 0
    index = Index([Shelf("s", drawn(4000, 1), np.arange(4001), live.copy())])
    gc.collect()
    for _ in range(3):
        noise = [np.full(500, 255, np.uint8) for _ in range(2000)]
        hits = index.search(drawn(1, 2), 900)[0]
        del noise
        assert len(hits) == 800
        assert all(live[hit.number] for hit in hits)


@pytest.fixture(scope="module")
def large() -> Shelf:
    """Passages around some hundred centres; every third document is gone."""
    random = np.random.default_rng(0)
    count = SMALL + 7000
    centres = random.normal(size=(100, DIMENSION))
    points = centres[random.integers(0, 100, count)] + 0.4 * random.normal(size=(count, DIMENSION))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    first = np.arange(0, count + 1, 2)
    live = np.arange(len(first) - 1) % 3 > 0
    return Shelf("large", points.astype(np.float32), first, live)


@pytest.fixture(scope="module")
def questions(large: Shelf) -> Vectors:
    noise = np.random.default_rng(1).normal(size=(100, DIMENSION)).astype(np.float32)
    return large.vectors[:: len(large.vectors) // 100][:100] + 0.05 * noise


@pytest.mark.parametrize("factory", ["HNSW32", "IVF64,Flat"])
def test_an_approximate_search_finds_nearly_all_and_nothing_dead(
    large: Shelf, questions: Vectors, factory: str
) -> None:
    exact = Index([large]).search(questions, 10)
    index = Index([large], factory)
    found = index.search(questions, 10)
    right = sum(
        len({hit.number for hit in ours} & {hit.number for hit in theirs})
        for ours, theirs in zip(found, exact, strict=True)
    )
    assert 900 <= right <= 1000
    for hits in found:
        assert len({hit.number for hit in hits}) == len(hits) == 10
        assert all(large.live[hit.number] for hit in hits)
        assert [hit.score for hit in hits] == sorted((hit.score for hit in hits), reverse=True)
    assert found != exact or factory == "HNSW32"
    assert type(index._searchers[0].faiss).__name__.startswith(f"Index{factory[:3]}")


def clustered(alive: int, count: int) -> Shelf:
    """Passages around some hundred centres, of which those of the first centres are alive."""
    random = np.random.default_rng(2)
    centre = np.sort(random.integers(0, 100, count))
    points = random.normal(size=(100, DIMENSION))[centre]
    points = points + 0.2 * random.normal(size=(count, DIMENSION))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    return Shelf(
        "clustered", points.astype(np.float32), np.arange(count + 1), np.arange(count) < alive
    )


@pytest.mark.parametrize("factory", ["HNSW32", "IVF256,Flat"])
@pytest.mark.parametrize(
    ("alive", "count"),
    [(60, SMALL + 2000), (1200, SMALL + 2000), (SMALL + 500, 24_000)],
)
def test_a_crowd_of_the_dead_hides_none_of_the_living(factory: str, alive: int, count: int) -> None:
    shelf = clustered(alive, count)
    asked = shelf.vectors[:: count // 60]
    index = Index([replace(shelf, live=np.ones(count, bool))], factory)
    found = index.without(range(alive, count)).search(asked, 10)
    exact = Index([shelf]).search(asked, 10)
    assert all(len(hits) == 10 for hits in found)
    right = [
        len({hit.number for hit in ours} & {hit.number for hit in theirs})
        for ours, theirs in zip(found, exact, strict=True)
    ]
    assert sum(right) >= 0.9 * 10 * len(asked)
    assert pairs(Index([shelf], factory).search(asked, 10)) == pairs(found)


def test_what_is_narrowed_twice_is_narrowed_by_both(large: Shelf, questions: Vectors) -> None:
    kept = np.arange(len(large.live)) % 2 > 0
    index = Index([large], "IVF64,Flat").only(kept).without(range(100))
    kept[:100] = False
    assert pairs(index.search(questions, 10)) == pairs(
        Index([large], "IVF64,Flat").only(kept).search(questions, 10)
    )


@pytest.mark.parametrize("factory", ["PCA6,IVF16,Flat", "IVF16,Flat,RFlat", "PCA6,HNSW16"])
def test_what_stands_before_or_behind_an_index_searches_as_wide(
    large: Shelf, questions: Vectors, factory: str
) -> None:
    for hits in Index([large], factory).search(questions, 10):
        assert len(hits) == 10
        assert all(large.live[hit.number] for hit in hits)


@pytest.mark.parametrize("factory", ["PQ8x4", "IDMap,Flat"])
def test_a_factory_that_cannot_leave_anything_out_is_a_usage_error(
    large: Shelf, tmp_path: Path, factory: str
) -> None:
    with pytest.raises(UsageError, match=factory) as caught:
        Index([replace(large, live=np.ones(len(large.live), bool))], factory, tmp_path)
    assert caught.value.hint == 'use "Flat" or "HNSW32"'
    assert list(tmp_path.iterdir()) == []


def test_a_small_shelf_is_searched_exactly_whatever_is_asked_for() -> None:
    small = shelf("s", [1] * 50, [True] * 50, 0)
    asked = drawn(9, 1)
    assert pairs(Index([small], "HNSW32").search(asked, 9)) == by_looking_at_everything(
        [small], asked, 9
    )


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


@pytest.mark.parametrize("factory", ["HSNW32", "", "nonsense,Flat"])
def test_an_unknown_factory_is_a_usage_error(large: Shelf, factory: str) -> None:
    with pytest.raises(UsageError, match="does not know the index factory") as caught:
        Index([large], factory)
    assert caught.value.exit_code == 2
