"""Documents and queries: the facts that everything else is about.

A document is identified by (source, id). Its text is what the encoder reads; its content is
everything that a later night can change.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass

WORD = re.compile(r"\S{1,40}")
Key = tuple[str, str]
"""(source, id): the identity of a document."""


@dataclass(frozen=True)
class Document:
    """One document as its owner wrote it; `metadata` is canonical JSON.

    >>> a = Document("default", "1", "Tides", "The moon pulls the sea.")
    >>> a.key
    ('default', '1')
    >>> b = Document("default", "2", "Tides", "The moon pulls the sea.", '{"page":3}')
    >>> a.text_hash == b.text_hash, a.content_hash == b.content_hash
    (True, False)
    """

    source: str
    id: str
    title: str
    text: str
    metadata: str = "{}"

    @property
    def key(self) -> Key:
        return (self.source, self.id)

    @property
    def text_hash(self) -> str:
        """Names what the encoder sees: equal hashes have equal vectors."""
        return _digest(self.title, self.text)

    @property
    def content_hash(self) -> str:
        """Names all that a reader sees: equal hashes need no update."""
        return _digest(self.title, self.text, self.metadata)


REAL, SPAN, TERMS = "real", "span", "terms"


@dataclass(frozen=True)
class Pair:
    """A query and a document that answers it; `origin`: asked by a person or by a generator."""

    query: str
    key: Key
    origin: str = REAL


@dataclass(frozen=True)
class Passage:
    """The stretch [start, end) of a document's text that one vector stands for."""

    start: int
    end: int


def passages(document: Document, words: int = 180) -> list[Passage]:
    """Cut a long text into stretches of at most `words` words, at sentence ends if there are any.

    Every character belongs to exactly one passage, and a text within the limit is one passage.

    >>> text = "One two three. Four five six. Seven eight."
    >>> document = Document("default", "1", "", text)
    >>> [text[p.start : p.end] for p in passages(document, words=6)]
    ['One two three. Four five six. ', 'Seven eight.']
    """
    text = document.text
    starts = _word_starts(text)
    if len(starts) <= words:
        return [Passage(0, len(text))]
    cuts = [0]
    first = 0
    while len(starts) - first > words:
        first = _sentence_start(text, starts, first + words, first + words // 2)
        cuts.append(starts[first])
    return [Passage(a, b) for a, b in zip(cuts, [*cuts[1:], len(text)], strict=True)]


def words_of(document: Document, cut: Passage) -> int:
    """How many words a passage has, as `passages` counts them."""
    return len(_word_starts(document.text[cut.start : cut.end]))


def passage_text(document: Document, cut: Passage) -> str:
    """What the encoder reads for a passage: the title, then the stretch of text."""
    return f"{document.title}\n{document.text[cut.start : cut.end]}".strip()


def _sentence_start(text: str, starts: list[int], last: int, earliest: int) -> int:
    """The last word in (earliest, last] that follows a sentence end; else `last` itself."""
    for word in range(last, earliest, -1):
        if text[starts[word - 1] : starts[word]].rstrip()[-1:] in ".!?。\n":
            return word
    return last


def _word_starts(text: str) -> list[int]:
    """Offsets at which words begin; a run of 40 characters without a space counts as several."""
    return [word.start() for word in WORD.finditer(text)]


def _digest(*parts: str) -> str:
    """SHA-256 over length-prefixed parts, so that no two different lists share a hash."""
    digest = hashlib.sha256()
    for part in parts:
        data = part.encode("utf-8", "surrogatepass")
        digest.update(len(data).to_bytes(8, "big"))
        digest.update(data)
    return digest.hexdigest()
