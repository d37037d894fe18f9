"""A kind is named by the words that set it apart."""

from __future__ import annotations

from pipeline.documents import Document
from pipeline.terms import name_of


def texts(*written: str) -> list[Document]:
    return [Document("sea", str(n), "a title", text) for n, text in enumerate(written)]


SEA = texts("The moon pulls the tides.", "Tides rise with the moon!", "The Moon and 12 tides")
LAW = texts("The court rises.", "A judge and the court", "The judge reads the verdict")


def test_a_name_holds_what_is_common_inside_and_rare_outside() -> None:
    assert set(name_of(SEA, LAW, terms=2).split("-")) == {"moon", "tides"}
    assert set(name_of(LAW, SEA, terms=2).split("-")) == {"court", "judge"}


def test_a_word_that_all_share_names_nobody() -> None:
    shared = [Document("x", document.id, "", f"{document.text} harbour") for document in SEA]
    others = [Document("x", document.id, "", f"{document.text} harbour") for document in LAW]
    assert "harbour" not in name_of(shared, others, terms=2)


def test_without_others_the_most_common_words_name_it() -> None:
    assert set(name_of(SEA, [], terms=2).split("-")) == {"moon", "tides"}


def test_a_word_said_often_in_one_document_counts_once() -> None:
    loud = [*SEA, *texts("storm " * 50)]
    assert "storm" not in name_of(loud, LAW, terms=2)


def test_stop_words_and_short_or_broken_words_are_no_names() -> None:
    assert name_of(texts("and the with is a b2 moon's 1999 tides"), []) == "tides"


def test_the_order_of_the_documents_does_not_matter() -> None:
    assert name_of(SEA[::-1], LAW[::-1]) == name_of(SEA, LAW)


def test_what_has_no_words_is_untitled() -> None:
    assert name_of(texts("12 34", ""), LAW) == name_of([], LAW) == "untitled"
