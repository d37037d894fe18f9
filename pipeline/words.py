"""The words of documents, as keyword search reads them: stems, without the words that say nothing.

words.parquet        a row per document: its stems in order, as places in the vocabulary
vocabulary.parquet   every stem that occurs, once

Written once with a segment, so that no text is read again when the search is built. Letters that
Unicode writes in two ways, as "é" and as "e" with a mark, are the same letter (NFC); a mark that
stays one, as vowels of Hindi do, is part of its word.
"""

from __future__ import annotations

import re
from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Self
from unicodedata import category, normalize

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import Stemmer
from bm25s.tokenization import Tokenizer

from pipeline.documents import Document

WORDS, VOCABULARY = "words.parquet", "vocabulary.parquet"


@dataclass(frozen=True)
class Words:
    """`stems[first[i] : first[i + 1]]` are document i's, as places in the vocabulary.

    >>> some = [Document("default", "1", "Tides", "The sea is running.")]
    >>> words = Words.of(some)
    >>> words.vocabulary, words.stems.tolist(), words.first.tolist()
    (('tide', 'sea', 'run'), [0, 1, 2], [0, 3])
    """

    vocabulary: tuple[str, ...]
    stems: npt.NDArray[np.int32]
    first: npt.NDArray[np.int64]

    @classmethod
    def of(cls, documents: Iterable[Document]) -> Self:
        """Title and text of whole documents."""
        tokenizer = _tokenizer()
        texts = (_spelt(f"{document.title}\n{document.text}") for document in documents)
        stems, lengths = array("i"), array("q")
        for row in tokenizer.streaming_tokenize(texts, allow_empty=False):
            stems.extend(row)
            lengths.append(len(row))
        return cls(
            tuple(tokenizer.get_vocab_dict()),
            np.array(stems, np.int32),
            np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
        )

    def only(self, kept: npt.NDArray[np.bool_]) -> Self:
        """The words of these documents; the others' rows are empty, and their words are gone."""
        lengths = np.diff(self.first)
        stems = self.stems[np.repeat(kept, lengths)]
        there, places = np.unique(stems, return_inverse=True)
        return type(self)(
            tuple(self.vocabulary[place] for place in there.tolist()),
            places.astype(np.int32),
            np.concatenate([[0], np.cumsum(lengths * kept, dtype=np.int64)]),
        )

    def save(self, folder: Path) -> None:
        rows = pa.LargeListArray.from_arrays(self.first, pa.array(self.stems, pa.int32()))
        pq.write_table(pa.table({"stems": rows}), folder / WORDS, compression="zstd")
        vocabulary = pa.table({"stem": pa.array(self.vocabulary, pa.string())})
        pq.write_table(vocabulary, folder / VOCABULARY, compression="zstd")

    @classmethod
    def load(cls, folder: Path) -> Self:
        rows = pq.read_table(folder / WORDS)["stems"]
        lengths = pc.list_value_length(rows).to_numpy()
        return cls(
            tuple(pq.read_table(folder / VOCABULARY)["stem"].to_pylist()),
            pc.list_flatten(rows).to_numpy().astype(np.int32),
            np.concatenate([[0], np.cumsum(lengths, dtype=np.int64)]),
        )


def stems_of(queries: Sequence[str]) -> list[list[str]]:
    """The stems of each query; a query without any is one that asks for nothing.

    >>> stems_of(["how do the tides run?", "of the", ""])
    [['how', 'do', 'tide', 'run'], [], []]
    >>> stems_of(["हिन्दी में खोज", "İstanbul"])
    [['हिन्दी', 'में', 'खोज'], ['istanbul']]
    """
    found: list[list[str]] = _tokenizer().tokenize(
        [_spelt(query) for query in queries],
        update_vocab=True,
        return_as="string",
        allow_empty=False,
        show_progress=False,
    )
    return found


def _spelt(text: str) -> str:
    """One spelling of what reads the same; the small letter of İ would be an i with a mark."""
    return normalize("NFC", text).replace("İ", "I")


def _tokenizer() -> Tokenizer:
    return Tokenizer(splitter=_splitter(), stopwords="en", stemmer=Stemmer.Stemmer("english"))


@cache
def _splitter() -> Callable[[str], list[str]]:
    """Two characters or more, of which the first is a letter, a digit or a low line, and others
    may be marks. Variation selectors say how a character is drawn, not which one it is.
    """
    marks = (chr(n) for n in range(0x20000) if category(chr(n)) in {"Mn", "Mc"})
    within = "".join(mark for mark in marks if not "\ufe00" <= mark <= "\ufe0f")
    return re.compile(rf"\w[\w{within}]+").findall
