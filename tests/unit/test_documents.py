from hypothesis import given
from hypothesis import strategies as st

from pipeline.documents import Document, passages

texts = st.text(st.sampled_from("ab. \n。é字"), max_size=400) | st.text(max_size=200)


def cut(text: str, words: int) -> list[str]:
    return [
        text[passage.start : passage.end]
        for passage in passages(Document("default", "1", "", text), words)
    ]


@given(texts, st.integers(1, 12))
def test_passages_cover_the_text_exactly(text, words):
    parts = cut(text, words)
    assert "".join(parts) == text
    assert all(parts) or parts == [""]


@given(texts, st.integers(1, 12))
def test_no_passage_has_more_words_than_the_limit(text, words):
    assert all(len(part.split()) <= words for part in cut(text, words))


@given(st.integers(1, 2000), st.integers(1, 12))
def test_a_text_without_spaces_is_cut_too(length, words):
    assert all(len(part) <= 41 * words for part in cut("字" * length, words))


def test_a_text_within_the_limit_is_one_passage():
    assert cut("one two three", 3) == ["one two three"]
    assert cut("", 3) == [""]


def test_passages_end_at_sentences_where_there_are_any():
    text = "One two three. Four five. Six seven eight nine ten eleven twelve."
    assert cut(text, 6) == [
        "One two three. Four five. ",
        "Six seven eight nine ten eleven ",
        "twelve.",
    ]


def test_the_hashes_tell_texts_from_contents():
    one = Document("default", "1", "ab", "c")
    assert one.text_hash != Document("default", "1", "a", "bc").text_hash
    assert one.text_hash == Document("other", "2", "ab", "c", '{"a":1}').text_hash
    assert one.content_hash != Document("default", "1", "ab", "c", '{"a":1}').content_hash
