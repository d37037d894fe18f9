"""Queries made from documents: what teaches and what judges have nothing in common."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.documents import SPAN, TERMS, Document
from pipeline.pairs import judges, key_terms, spans, words_of

TEXTS = st.text(st.sampled_from("abcde äß'-7,.\n "), max_size=200)


def document(number: int, text: str) -> Document:
    return Document("sea", str(number), "", text)


@given(st.lists(TEXTS, max_size=8), st.integers(0, 9))
def test_a_span_is_four_to_ten_words_in_a_row_of_its_document(texts: list[str], seed: int) -> None:
    documents = [document(number, text) for number, text in enumerate(texts)]
    made = spans(documents, seed)
    assert made == spans(documents, seed)
    assert [pair.key for pair in made] == [d.key for d in documents if len(d.text.split()) >= 4]
    for pair in made:
        words, span = documents[int(pair.key[1])].text.split(), pair.query.split()
        assert pair.origin == SPAN
        assert 4 <= len(span) <= 10
        assert any(words[n : n + len(span)] == span for n in range(len(words)))


def test_spans_come_from_everywhere_and_differ_by_seed() -> None:
    words = [f"word{number}" for number in range(200)]
    documents = [document(number, " ".join([*words, str(number)])) for number in range(40)]
    starts = [words.index(pair.query.split()[0]) for pair in spans(documents, seed=0)]
    assert min(starts) < 40 < 150 < max(starts)
    assert [p.query for p in spans(documents, 1)] != [p.query for p in spans(documents, 2)]


def test_the_span_of_a_document_does_not_depend_on_its_neighbours() -> None:
    documents = [document(n, " ".join(f"w{n}x{m}" for m in range(50))) for n in range(5)]
    assert spans(documents[3:4], seed=0) == spans(documents, seed=0)[3:4]


def test_a_span_without_spaces_stays_short() -> None:
    long = " ".join(["x" * 200] * 5)
    assert all(len(pair.query) <= 300 for pair in spans([document(1, long)], seed=0))


def test_key_terms_are_the_words_that_are_rarest_among_all() -> None:
    documents = [
        document(1, "the tide rises and the tide falls by the moon"),
        document(2, "the court rises and the judge falls silent"),
        document(3, "the court and the and the"),
    ]
    made = {pair.key[1]: pair for pair in key_terms(documents, most=2)}
    assert made["1"].query == "tide moon"
    assert set(made["2"].query.split()) == {"judge", "silent"}
    assert all(pair.origin == TERMS for pair in made.values())


def test_a_document_of_hardly_any_words_makes_no_query() -> None:
    assert key_terms([document(1, "moon 12 4"), document(2, "")]) == []
    assert spans([document(1, "one two three"), document(2, "")], seed=0) == []


@given(st.lists(TEXTS, max_size=6))
def test_key_terms_are_different_words_of_the_document(texts: list[str]) -> None:
    documents = [document(number, text) for number, text in enumerate(texts)]
    for pair in key_terms(documents, most=5):
        words = pair.query.split(" ")
        assert 2 <= len(words) == len(set(words)) <= 5
        assert set(words) <= set(words_of(documents[int(pair.key[1])].text))


@given(TEXTS)
def test_words_are_in_lower_case_and_of_three_letters_or_more(text: str) -> None:
    for word in words_of(text.upper()):
        assert word == word.lower()
        assert len(word) >= 3
        assert word[0].isalpha()


def test_a_tenth_judges() -> None:
    share = sum(judges(("default", f"d{number}")) for number in range(20_000)) / 20_000
    assert share == pytest.approx(0.1, abs=0.008)


def test_who_judges_never_changes() -> None:
    chosen = [number for number in range(40) if judges(("default", str(number)))]
    assert chosen == [1, 6, 16, 23, 34, 35, 37]


def test_the_source_is_part_of_who_judges() -> None:
    keys = [("sea", str(number)) for number in range(500)]
    assert [judges(key) for key in keys] != [judges(("law", id_)) for _, id_ in keys]


def test_any_id_can_be_asked_for() -> None:
    assert judges(("", "")) in (True, False)
    assert judges(("sea", "\ud800 \U0001f30a")) in (True, False)
