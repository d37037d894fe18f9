"""Queries made from documents, for nights that bring none.

Two generators that share no words on purpose: *spans* (4 to 10 words in a row) teach, *key terms*
(the document's rarest words, in no order) judge. What teaches must not judge.
"""

from __future__ import annotations

import hashlib
import math
import random
import re
from collections import Counter
from collections.abc import Sequence

from pipeline.documents import SPAN, TERMS, Document, Key, Pair

WORD = re.compile(r"[^\W\d_][\w'-]*")
JUDGING_TENTH = 10
LONGEST = 100


def judges(key: Key) -> bool:
    """Whether queries about this document judge and never teach: a fixed tenth, by hash."""
    digest = hashlib.sha256("\0".join(key).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % JUDGING_TENTH == 0


def spans(documents: Sequence[Document], seed: int, each: int = 1) -> list[Pair]:
    """Some stretches of 4 to 10 words from each document that has as many.

    >>> document = Document("default", "1", "", "the quick brown fox jumps over the lazy dog")
    >>> [pair.query in document.text for pair in spans([document], seed=0)]
    [True]
    """
    pairs = []
    for document in documents:
        words = document.text.split()
        choose = random.Random(f"{seed}:{document.text_hash}")
        for _ in range(each if len(words) >= 4 else 0):
            length = choose.randint(4, min(10, len(words)))
            start = choose.randint(0, len(words) - length)
            span = " ".join(words[start : start + length])[:300]
            pairs.append(Pair(span, document.key, SPAN))
    return list(dict.fromkeys(pairs))


def key_terms(documents: Sequence[Document], most: int = 5) -> list[Pair]:
    """The words of each document that are rarest among all of them, as a query."""
    spread = Counter(word for document in documents for word in set(words_of(document.text)))
    pairs = []
    for document in documents:
        weight = {
            word: count * math.log((1 + len(documents)) / spread[word])
            for word, count in Counter(words_of(document.text)).items()
        }
        best = sorted(weight, key=lambda word: (-weight[word], word))[:most]
        if len(best) >= 2:
            pairs.append(Pair(" ".join(best), document.key, TERMS))
    return pairs


def words_of(text: str) -> list[str]:
    """Lower-case words of three letters or more; what is longer than any word is none.

    >>> words_of("The moon's 2 tides")
    ['the', "moon's", 'tides']
    """
    return [word for word in WORD.findall(text.lower()) if 3 <= len(word) <= LONGEST]
