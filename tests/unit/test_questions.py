"""Questions: what teaches never judges, and what is asked about leaves with its document."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
import pytest
from conftest import WORDS
from hypothesis import given
from hypothesis import strategies as st

from flows.groups import TOO_FEW_PAIRS, ask_about
from pipeline import questions as module
from pipeline.documents import REAL, SPAN, TERMS, Document, Pair
from pipeline.encoder import Encoder
from pipeline.pairs import judges
from pipeline.questions import ENOUGH_REAL, Questions

KEYS = [("sea", str(n)) for n in range(600)]
JUDGING = [key for key in KEYS if judges(key)]
TEACHING = [key for key in KEYS if not judges(key)]
PAIRS = st.lists(
    st.builds(
        Pair,
        st.sampled_from([f"query {n}" for n in range(8)]),
        st.sampled_from([*JUDGING[:6], *TEACHING[:6]]),
        st.sampled_from([REAL, SPAN, TERMS]),
    ),
    max_size=60,
)


def asked(pairs: list[Pair]) -> Questions:
    """Each row's vector says which pair it belongs to."""
    return Questions(tuple(pairs), np.array([vector_of(pair) for pair in pairs]).reshape(-1, 2))


def vector_of(pair: Pair) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.array([hash(pair.query) % 997, hash(pair) % 991], np.float32)


def in_step(questions: Questions) -> bool:
    return len(questions.vectors) == len(questions) and all(
        np.array_equal(vector, vector_of(pair))
        for pair, vector in zip(questions.pairs, questions.vectors, strict=True)
    )


@given(PAIRS)
def test_teaching_and_judging_share_no_document_and_no_query(pairs: list[Pair]) -> None:
    questions = asked(pairs)
    teaching, judging = questions.teaching, questions.judging
    assert not {pair.key for pair in teaching.pairs} & {pair.key for pair in judging.pairs}
    assert not set(teaching.answers) & set(judging.answers)
    assert not any(judges(pair.key) for pair in teaching.pairs)
    assert all(judges(pair.key) for pair in judging.pairs)
    assert {pair.origin for pair in teaching.pairs} <= {REAL, SPAN}
    assert {pair.origin for pair in judging.pairs} <= {REAL, TERMS}


@given(PAIRS, PAIRS, st.integers(1, 40))
def test_every_selection_and_sum_keeps_vectors_with_their_pairs(
    first: list[Pair], second: list[Pair], rows: int
) -> None:
    questions = asked(first) + asked(second)
    taken = questions.take(list(range(len(questions)))[::-1][:rows])
    real = questions.where(lambda pair: pair.origin == REAL)
    for some in (questions, taken, real, questions.teaching, questions.judging, questions.typical):
        assert in_step(some)


@given(PAIRS, PAIRS)
def test_a_pair_that_is_there_is_not_added_again(first: list[Pair], second: list[Pair]) -> None:
    one, other = asked(first), asked(list(dict.fromkeys(second)))
    together = one + other
    fresh = [pair for pair in other.pairs if pair not in set(first)]
    assert list(together.pairs) == [*first, *fresh]
    assert (together + other).pairs == together.pairs


def test_the_newest_pairs_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 5)
    old, new = ([Pair(f"{age} {n}", ("sea", str(n))) for n in range(4)] for age in ("old", "new"))
    together = asked(old) + asked(new)
    assert list(together.pairs) == [old[3], *new]
    assert in_step(together)


def test_parts_side_by_side_lose_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 5)
    parts = [asked([Pair(f"{kind} {n}", (kind, str(n))) for n in range(4)]) for kind in "abc"]
    together = Questions.all_of(parts)
    assert together.pairs == tuple(pair for part in parts for pair in part.pairs)
    assert in_step(together)


def test_what_people_asked_stays_before_what_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST", 5)
    real = [Pair(f"real {n}", ("sea", str(n))) for n in range(4)]
    made = [Pair(f"made {n}", ("sea", str(n)), SPAN) for n in range(4)]
    together = asked([*real, *made[:1]]) + asked(made[1:])
    assert list(together.pairs) == [*real, made[3]]
    assert in_step(together)


def test_a_query_about_a_judging_and_a_teaching_document_does_neither() -> None:
    both = asked([Pair("both", JUDGING[0]), Pair("both", TEACHING[0])])
    assert len(both.teaching) == len(both.judging) == 0
    assert both.answers == {"both": {JUDGING[0], TEACHING[0]}}


def test_made_queries_stand_in_only_where_real_ones_are_few() -> None:
    made = [
        *(Pair(f"span {key}", key, SPAN) for key in TEACHING[:5]),
        *(Pair(f"terms {key}", key, TERMS) for key in JUDGING[:5]),
    ]
    for count, expected in ((ENOUGH_REAL - 1, {REAL, SPAN}), (ENOUGH_REAL, {REAL})):
        questions = asked([*made, *(Pair(f"real {key}", key) for key in TEACHING[:count])])
        assert {pair.origin for pair in questions.typical.pairs} == expected
        assert {pair.origin for pair in questions.teaching.pairs} == {REAL, SPAN}
    for count, synthetic in ((ENOUGH_REAL - 1, True), (ENOUGH_REAL, False)):
        questions = asked([*made, *(Pair(f"real {key}", key) for key in JUDGING[:count])])
        assert questions.judging.synthetic is synthetic


def test_questions_retire_with_their_documents() -> None:
    questions = asked([Pair(f"query {n}", ("sea", str(n))) for n in range(6)])
    left = questions.where(lambda pair: pair.key != ("sea", "3"))
    assert [pair.key[1] for pair in left.pairs] == ["0", "1", "2", "4", "5"]
    assert "query 3" not in left.answers
    assert in_step(left)


def test_questions_come_back_from_their_folder(tmp_path: Path) -> None:
    pairs = [
        Pair('Wie "hoch"?\n\U0001f30a', ("Quelle", "ü/7"), REAL),
        Pair("", ("", ""), SPAN),
        Pair("moon", ("sea", "None"), TERMS),
    ]
    asked(pairs).save(tmp_path)
    again = Questions.load(tmp_path)
    assert list(again.pairs) == pairs
    assert np.array_equal(again.vectors, asked(pairs).vectors)
    assert again.vectors.dtype == np.float32


def test_no_questions_come_back_as_none(tmp_path: Path) -> None:
    Questions.none(32).save(tmp_path)
    again = Questions.load(tmp_path)
    assert (again.pairs, again.vectors.shape) == ((), (0, 32))
    assert (again.teaching.pairs, again.judging.pairs, again.synthetic) == ((), (), False)


def written(count: int) -> list[Document]:
    return [
        Document("sea", str(n), "", " ".join(random.Random(n).sample(WORDS, 12)))
        for n in range(count)
    ]


def test_made_queries_of_judging_documents_never_teach(tiny_encoder: Encoder) -> None:
    documents = written(300)
    questions = ask_about(tiny_encoder, documents, [], 300, seed=0)
    spanned = {pair.key for pair in questions.pairs if pair.origin == SPAN}
    assert spanned == {d.key for d in documents if not judges(d.key)}
    assert {pair.key for pair in questions.pairs if pair.origin == TERMS} == {
        document.key for document in documents
    }
    assert len(questions.teaching) == len(spanned)
    assert len(questions.judging) == 300 - len(spanned)
    assert np.array_equal(
        questions.vectors, tiny_encoder.encode_queries([pair.query for pair in questions.pairs])
    )


def test_beside_real_pairs_spans_are_as_many_at_most_and_key_terms_none(
    tiny_encoder: Encoder,
) -> None:
    documents = written(300)
    pairs = [Pair(f"{WORDS[n]} {WORDS[n + 1]}", ("sea", str(n))) for n in range(TOO_FEW_PAIRS)]
    questions = ask_about(tiny_encoder, documents, pairs, 1500, seed=0)
    origins = [pair.origin for pair in questions.pairs]
    assert (origins.count(REAL), origins.count(SPAN)) == (TOO_FEW_PAIRS, TOO_FEW_PAIRS)
    assert TERMS not in origins
    named = {pair.key for pair in pairs}
    assert all(
        pair.key not in named and not judges(pair.key)
        for pair in questions.pairs
        if pair.origin == SPAN
    )


def test_no_more_queries_are_made_than_asked_for(tiny_encoder: Encoder) -> None:
    questions = ask_about(tiny_encoder, written(300), [], 7, seed=0)
    assert [pair.origin for pair in questions.pairs] == [SPAN] * 7 + [TERMS] * 7
