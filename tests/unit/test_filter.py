"""A narrowed search finds the best of what is left, in every leg, and leaves the others alone."""

from __future__ import annotations

from typing import Any

import handmade
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.errors import UsageError
from pipeline.documents import Document
from pipeline.encoder import Vectors
from pipeline.index import SMALL, Found, Index, Mask, Shelf
from pipeline.library import EVERYTHING, Filter, Library
from pipeline.overlay import Overlaid, Overlay, Part, Scale
from pipeline.segment import Segment, write_segment

DIMENSION = handmade.DIMENSION
WORDS = ("tide", "moon", "harbour", "rope")


def drawn(count: int, seed: int) -> Vectors:
    return np.random.default_rng(seed).integers(-2, 3, (count, DIMENSION)).astype(np.float32)


def mask(size: int, seed: int, kept: float) -> Mask:
    chosen: Mask = np.random.default_rng(seed).random(size) < kept
    return chosen


def best(everything: list[list[Found]], kept: Mask, k: int) -> list[list[Found]]:
    return [[hit for hit in hits if kept[hit.number]][:k] for hits in everything]


@given(st.integers(0, 99), st.sampled_from([0.0, 0.1, 0.6, 1.0]), st.integers(1, 12))
def test_an_index_finds_the_best_of_what_is_kept(seed: int, share: float, k: int) -> None:
    shelves = [
        Shelf(name, drawn(60, seed + n), np.arange(0, 61, 2), mask(30, seed + 7 + n, 0.8))
        for n, name in enumerate("ab")
    ]
    index, kept, asked = Index(shelves), mask(60, seed, share), drawn(3, seed + 50)
    before = index.search(asked, 60)
    assert index.only(kept).search(asked, k) == best(before, kept, k)
    assert index.search(asked, 60) == before


@pytest.mark.parametrize("factory", ["HNSW32", "IVF64,Flat"])
@pytest.mark.parametrize("share", [0.0005, 0.02, 0.9])
def test_an_approximate_index_is_narrowed_exactly(factory: str, share: float) -> None:
    count = SMALL + 6_000
    vectors = np.random.default_rng(0).normal(size=(count, DIMENSION)).astype(np.float32)
    shelf = Shelf("s", vectors, np.arange(count + 1), np.arange(count) % 3 > 0)
    kept, asked = mask(count, 1, share), vectors[:20]
    found = Index([shelf], factory).only(kept).search(asked, 10)
    exact = Index([shelf]).only(kept).search(asked, 10)
    assert [[hit.number for hit in hits] for hits in found] == [
        [hit.number for hit in hits] for hits in exact
    ]
    scores = [[hit.score for hit in hits] for hits in found]
    assert scores == [pytest.approx([hit.score for hit in hits], abs=1e-5) for hits in exact]


def documents(source: str, count: int) -> list[Document]:
    words = np.random.default_rng(len(source)).choice(WORDS, (count, 5))
    return [
        Document(source, f"{source}-{n}", "", " ".join(row)) for n, row in enumerate(words.tolist())
    ]


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Library:
    segments = {}
    for n, source in enumerate(("sea", "harbour")):
        folder, some = tmp_path_factory.mktemp(source), documents(source, 20)
        cuts = [handmade.passages(one) for one in some]
        layers = np.zeros((20, handmade.LAYERS, DIMENSION), np.float16)
        write_segment(folder, some, cuts, drawn(20, n) + np.float32(0.1), layers)
        segments[source] = Segment(folder)
    return Library(segments, {"sea": frozenset({0, 3})})


@pytest.mark.parametrize(
    ("where", "expected"),
    [
        (EVERYTHING, 40),
        (Filter(sources=("sea",)), 20),
        (Filter(sources=()), 0),
        (Filter(segments=("harbour",)), 20),
        (Filter(segments=("nowhere",)), 0),
        (Filter(sources=("sea",), segments=("harbour",)), 0),
        (Filter(id_prefix="sea-1"), 11),
        (Filter(sources=("sea", "harbour"), id_prefix="harbour-2"), 1),
    ],
)
def test_a_filter_names_documents(library: Library, where: Filter, expected: int) -> None:
    assert library.matching(where).sum() == expected


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"sources": "sea"}, "sources of a filter is a tuple of names, not 'sea'"),
        ({"segments": "sea"}, "segments of a filter is a tuple of names, not 'sea'"),
        ({"sources": ["sea"]}, r"sources of a filter is a tuple of names, not \['sea'\]"),
        ({"segments": ("sea", ["a"])}, r"segments .*, not \('sea', \['a'\]\)"),
        ({"id_prefix": ["sea"]}, r"id_prefix of a filter is a text, not \['sea'\]"),
    ],
)
def test_a_filter_of_another_form_is_refused(told: Any, sentence: str) -> None:
    with pytest.raises(UsageError, match=sentence) as refused:
        Filter(**told)
    assert refused.value.hint


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_words_keep_their_weight_among_fewer_documents(library: Library, share: float) -> None:
    kept = mask(40, 3, share)
    asked = ["tide", "moon rope", "the", "harbour harbour tide"]
    everything = library.lexical.search(asked, 40)
    assert library.lexical.only(kept).search(asked, 5) == best(everything, kept, 5)
    assert library.lexical.search(asked, 40) == everything


@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_an_overlay_is_narrowed_with_what_lies_beneath(library: Library, share: float) -> None:
    keys = tuple(library.segments["sea"].keys[5:15])
    hashes = tuple(library.text_hash(library.number_of[key]) for key in keys)
    part = Part(keys, hashes, np.arange(11), drawn(10, 8))
    overlaid = Overlaid(Overlay((part,), Scale(1.5, 0.2)), library, library.index())
    kept, asked = mask(40, 4, share), [drawn(3, seed) for seed in (1, 2, 3)]
    everything = overlaid.search(*asked, 40)
    assert overlaid.only(kept).search(*asked, 6) == best(everything, kept, 6)
    assert overlaid.search(*asked, 40) == everything
