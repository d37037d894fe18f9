"""A segment gives back what was written, and refuses what no search could use."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.errors import EncoderError
from pipeline.documents import Document, Passage, passages
from pipeline.encoder import Vectors
from pipeline.segment import Segment, write_segment

DOCUMENTS = [
    Document("sea", "1", "Tides", "The moon pulls the sea. It always did.", '{"page": 3}'),
    Document("law", "1", "", "", "{}"),
    Document("sea", "ü/\n", "None", "Wort " * 30),
]


def vectors_for(cuts: Sequence[Sequence[Passage]], seed: int = 0) -> Vectors:
    count = sum(len(some) for some in cuts)
    return np.random.default_rng(seed).normal(size=(count, 4)).astype(np.float32)


def written(folder: Path, documents: Sequence[Document] = DOCUMENTS, words: int = 6) -> Segment:
    cuts = [passages(document, words) for document in documents]
    features = np.full((len(documents), 2, 4), 0.5, np.float16)
    write_segment(folder, documents, cuts, vectors_for(cuts), features)
    return Segment(folder)


def test_documents_come_back_as_they_were(tmp_path: Path) -> None:
    segment = written(tmp_path)
    assert list(segment.documents) == DOCUMENTS
    assert segment.keys == [document.key for document in DOCUMENTS]
    assert segment.content_hashes == [document.content_hash for document in DOCUMENTS]
    assert segment.text_hashes == [document.text_hash for document in DOCUMENTS]
    assert segment.layers.shape == (3, 2, 4)


def test_every_passage_keeps_its_vector_and_its_place_in_the_text(tmp_path: Path) -> None:
    segment = written(tmp_path)
    cuts = [passages(document, 6) for document in DOCUMENTS]
    assert segment.first.tolist() == [0, *np.cumsum([len(some) for some in cuts])]
    assert len(segment.vectors) == segment.first[-1] > len(DOCUMENTS)
    assert np.array_equal(segment.vectors, vectors_for(cuts))
    for row, some in enumerate(cuts):
        assert [segment.passage(row, part) for part in range(len(some))] == some


@given(st.lists(st.text(st.sampled_from("ab. \n"), max_size=60), max_size=5), st.integers(1, 9))
def test_passages_of_any_text_come_back(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str], words: int
) -> None:
    documents = [Document("sea", str(n), "", text) for n, text in enumerate(texts)]
    segment = written(tmp_path_factory.mktemp("segment"), documents, words)
    for row, document in enumerate(documents):
        parts = range(segment.first[row + 1] - segment.first[row])
        assert [segment.passage(row, part) for part in parts] == passages(document, words)


def test_an_empty_segment_is_one(tmp_path: Path) -> None:
    segment = written(tmp_path, [])
    assert (segment.keys, list(segment.documents)) == ([], [])
    assert segment.first.tolist() == [0]
    assert segment.first.dtype == np.int64


@pytest.mark.parametrize("wrong", [np.nan, np.inf, -np.inf, 0.0])
def test_a_vector_that_is_not_finite_or_has_no_length_is_refused(
    tmp_path: Path, wrong: float
) -> None:
    vectors = np.ones((2, 4), np.float32)
    vectors[1] = wrong
    cuts = [[Passage(0, 1)], [Passage(0, 1)]]
    with pytest.raises(EncoderError, match="not finite or has no length"):
        write_segment(tmp_path, DOCUMENTS[:2], cuts, vectors, np.ones((2, 1, 4), np.float16))
    assert list(tmp_path.iterdir()) == []


def test_features_that_are_not_finite_are_refused(tmp_path: Path) -> None:
    features = np.ones((1, 1, 4), np.float16)
    features[0, 0, 2] = np.inf
    with pytest.raises(EncoderError, match="not finite"):
        write_segment(
            tmp_path, DOCUMENTS[:1], [[Passage(0, 1)]], np.ones((1, 4), np.float32), features
        )


def test_a_document_is_there_once(tmp_path: Path) -> None:
    twice = [DOCUMENTS[0], Document("sea", "1", "Tides", "Another text")]
    with pytest.raises(ValueError, match="each document once"):
        written(tmp_path, twice)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("vectors", "features"), [(2, 1), (0, 1), (1, 2), (1, 0)])
def test_there_is_a_vector_for_each_passage_and_features_for_each_document(
    tmp_path: Path, vectors: int, features: int
) -> None:
    with pytest.raises(ValueError, match="a vector for each passage"):
        write_segment(
            tmp_path,
            DOCUMENTS[:1],
            [[Passage(0, 5)]],
            np.ones((vectors, 4), np.float32),
            np.ones((features, 1, 4), np.float16),
        )
