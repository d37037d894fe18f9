"""Queries that judge, scored; and what is taught of the documents that they ask about."""

from __future__ import annotations

import math

import numpy as np
import pytest
from two_kinds import asked, shelved

from pipeline.documents import Key, Pair
from pipeline.encoder import Encoder
from pipeline.lessons import lessons
from pipeline.library import Library
from pipeline.questions import Questions
from pipeline.retriever import Retriever
from pipeline.router import Router
from pipeline.tried import hear, quality


@pytest.fixture(scope="module")
def library(shared_encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Library:
    return shelved(shared_encoder, tmp_path_factory.mktemp("segment"))


@pytest.fixture
def plain(shared_encoder: Encoder, library: Library) -> Retriever:
    """Nobody has an expert."""
    return Retriever(shared_encoder, {}, Router(), library.index())


def test_quality_is_the_gain_of_the_right_document_by_its_rank(
    plain: Retriever, library: Library
) -> None:
    encoder = plain.encoder
    right = [Pair(library.document(number).text, library.document(number).key) for number in (3, 7)]
    wrong = [Pair(library.document(11).text, library.document(12).key)]
    questions = asked(encoder, [*right, *wrong])
    scores = quality(hear(plain, questions, library))
    found = [hit.number for hit in plain.ask_frozen([wrong[0].query], 10).found[0]]
    rank = found.index(12) if 12 in found else None
    expected = 0.0 if rank is None else 1 / math.log2(rank + 2)
    assert scores.tolist() == pytest.approx([1.0, 1.0, expected])
    assert quality(hear(plain, Questions.none(32), library)).shape == (0,)


def test_a_query_of_several_documents_is_one_query(plain: Retriever, library: Library) -> None:
    text = library.document(3).text
    keys = [library.document(number).key for number in (3, 4)]
    questions = asked(plain.encoder, [Pair(text, key) for key in keys])
    (score,) = quality(hear(plain, questions, library))
    found = [hit.number for hit in plain.ask_frozen([text], 10).found[0]]
    gains = [1 / math.log2(found.index(number) + 2) for number in (3, 4) if number in found]
    assert score == pytest.approx(sum(gains) / (1 + 1 / math.log2(3)))


def test_lessons_know_all_passages_of_the_documents_asked_about_and_no_others(
    shared_encoder: Encoder, library: Library
) -> None:
    keys: list[Key] = [("law", "5"), ("law", "6"), ("sea", "1")]
    pairs = [Pair("a", keys[1]), Pair("b", keys[0]), Pair("a", keys[2]), Pair("c", keys[1])]
    made = lessons(asked(shared_encoder, pairs), library)
    assert list(made.queries) == ["a", "b", "c"]
    vectors = [library.vectors(library.number_of[key]) for key in keys]
    assert [len(rows) for rows in vectors] == [2, 1, 1]
    assert np.array_equal(made.candidates, np.concatenate(vectors))
    assert [rows.tolist() for rows in made.answers] == [[2, 3], [0, 1], [2]]
    assert made.groups[0] == made.groups[2] != made.groups[1]
