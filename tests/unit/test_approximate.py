"""An approximate search finds nearly all that an exact one would, and nothing dead."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from shelves import DIMENSION, large_shelf, pairs, questions_near

from nightshift.errors import UsageError
from pipeline.encoder import Vectors
from pipeline.index import SMALL, Index, Shelf


@pytest.fixture(scope="module")
def large() -> Shelf:
    return large_shelf()


@pytest.fixture(scope="module")
def questions(large: Shelf) -> Vectors:
    return questions_near(large)


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


@pytest.mark.parametrize("factory", ["HSNW32", "", "nonsense,Flat"])
def test_an_unknown_factory_is_a_usage_error(large: Shelf, factory: str) -> None:
    with pytest.raises(UsageError, match="does not know the index factory") as caught:
        Index([large], factory)
    assert caught.value.exit_code == 2
