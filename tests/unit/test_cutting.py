"""Passages are cut so that the encoder reads them, whatever a word is in their script."""

from __future__ import annotations

import pytest

from pipeline.checkpoint import locate
from pipeline.cutting import TOLERATED, cut
from pipeline.documents import Document, passages
from pipeline.encoder import Encoder

PROSE = "The moon pulls the sea, and the sea follows it around the world. " * 60
CODE = "    self._values[index] = (lhs.data[i] * rhs.data[j]) >> 0x1f;  // ok\n" * 60
CHINESE = "月球的引力使海水上升，地球自转使潮汐每天两次来回。" * 60
LONG_WORD = "donaudampfschifffahrtsgesellschaftskapitaen" * 200


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder(locate(None))


def stretches(encoder: Encoder, text: str) -> list[str]:
    [own] = cut(encoder, [Document("default", "1", "A title", text)])
    return [text[passage.start : passage.end] for passage in own]


@pytest.mark.parametrize("text", [PROSE, CODE, CHINESE, LONG_WORD], ids=list("pcnw"))
def test_no_passage_is_much_longer_than_what_is_read_of_it(encoder: Encoder, text: str) -> None:
    parts = stretches(encoder, text)
    assert "".join(parts) == text
    assert max(encoder.count_tokens(parts)) <= TOLERATED * encoder.checkpoint.max_length


def test_prose_is_cut_by_its_words_as_ever(encoder: Encoder) -> None:
    document = Document("default", "1", "A title", PROSE)
    assert list(cut(encoder, [document])[0]) == passages(document)


def test_what_has_more_tokens_a_word_is_cut_smaller(encoder: Encoder) -> None:
    document = Document("default", "1", "", CODE)
    assert len(cut(encoder, [document])[0]) > len(passages(document))


def test_a_single_word_is_cut_no_further(encoder: Encoder) -> None:
    """Forty signs are a word, and the smallest passage there is."""
    assert stretches(encoder, "😀" * 30) == ["😀" * 30]


def test_each_document_has_its_own(encoder: Encoder) -> None:
    documents = [
        Document("default", str(n), "", text) for n, text in enumerate([CODE, "short", ""])
    ]
    together = cut(encoder, documents)
    assert [cut(encoder, [one])[0] for one in documents] == list(together)
    assert len(together[1]) == len(together[2]) == 1
