"""Texts to search for, most of them with the question that their author answered.

Whoever writes a summary line and then the rest has asked and answered, without a search engine in
mind.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

WORDS_OF_A_QUESTION = range(4, 26)
FEWEST_WORDS, MOST_CHARACTERS = 8, 700


@dataclass(frozen=True)
class Described:
    """Something with a name, its summary line, and what the summary is about."""

    name: str
    summary: str
    rest: str


@dataclass(frozen=True)
class Text:
    """A document; `question` is what somebody who looks for it would type, where that is known."""

    id: str
    text: str
    question: str | None = None


def asked(files: Iterable[Iterable[Described]], most_of_a_file: int) -> Iterator[Text]:
    """Texts with questions, file by file.

    Every question and every text comes once: copies would answer each other's questions.
    """
    seen: set[str] = set()
    for things in files:
        taken = 0
        for thing in things:
            text = shortened(thing.rest)
            told = {_bare(thing.summary), _bare(text), thing.name}
            if taken < most_of_a_file and _answers(thing.summary, text) and not told & seen:
                seen |= told
                taken += 1
                yield Text(thing.name, text, thing.summary)


def shortened(text: str) -> str:
    """The lines that fit into MOST_CHARACTERS, at least the first.

    >>> shortened("one\\ntwo\\n")
    'one\\ntwo'
    """
    kept: list[str] = []
    size = 0
    for line in text.strip().splitlines():
        size += len(line) + 1
        if kept and size > MOST_CHARACTERS:
            break
        kept.append(line[:MOST_CHARACTERS])
    return "\n".join(kept).rstrip()


def _answers(question: str, text: str) -> bool:
    """Whether both are long enough, and the text does not hold the question word for word."""
    return (
        len(question.split()) in WORDS_OF_A_QUESTION
        and "://" not in question
        and len(text.split()) >= FEWEST_WORDS
        and _bare(question) not in _bare(text)
    )


def _bare(text: str) -> str:
    """What is left without case, space and punctuation.

    >>> _bare("Low tide, 1.")
    'lowtide1'
    """
    return re.sub(r"\W+", "", text).casefold()
