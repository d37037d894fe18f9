"""What a kind of text is called: the words that set its documents apart from the others."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

from sklearn.feature_extraction.text import ENGLISH_STOP_WORDS

from pipeline.documents import Document
from pipeline.pairs import words_of


def name_of(documents: Sequence[Document], others: Sequence[Document], terms: int = 3) -> str:
    """The words in most of `documents` and few of `others`, joined by dashes.

    Weight of a word: p log(p / q), its document shares inside (p) and outside (q), smoothed; where
    there are no others, p alone.

    >>> sea = [Document("s", str(i), "", "tides and the moon") for i in range(3)]
    >>> law = [Document("s", str(i), "", "judges and the court") for i in range(3, 6)]
    >>> name_of(sea, law, terms=2)
    'moon-tides'
    """
    inside, outside = _shares(documents), _shares(others)
    floor = 1 / (len(others) + 2)
    weight = {
        word: share * (math.log(share / (outside.get(word, 0.0) + floor)) if others else 1.0)
        for word, share in inside.items()
        if word not in ENGLISH_STOP_WORDS and word.isalpha()
    }
    best = sorted(weight, key=lambda word: (-weight[word], word))[:terms]
    return "-".join(best) or "untitled"


def _shares(documents: Sequence[Document]) -> dict[str, float]:
    counts = Counter(word for document in documents for word in set(words_of(document.text)))
    return {word: count / len(documents) for word, count in counts.items()}
