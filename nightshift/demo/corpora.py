"""What arrives in the demo: a first corpus, then night after night. Nothing is fetched.

Which texts these are follows from names and contents alone, so a machine with the same packages
gets the same nights. What becomes of them is decided on the spot.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from nightshift.demo.broken import broken
from nightshift.demo.declarations import declarations
from nightshift.demo.docstrings import docstrings
from nightshift.demo.licences import licences
from nightshift.demo.modules import Module, headers, standard_library
from nightshift.demo.texts import Text, asked
from pipeline.progress import Progress, silent

FIRST, NIGHTLY, FEWER, A_FEW = 1200, 240, 100, 40
MOST_OF_A_MODULE, MOST_OF_A_HEADER = 30, 8
"""One large file would make a night of its own sort."""


@dataclass(frozen=True)
class Corpus:
    """A delivery: its folder, the source of its documents, what it is in plain words, the texts."""

    folder: str
    source: str
    what: str
    texts: Sequence[Text]


def corpora(progress: Progress = silent) -> Iterator[Corpus]:
    """The first corpus, four nights, and two nights that are left for the user to live."""
    python = asked(map(docstrings, _told(standard_library(), progress)), MOST_OF_A_MODULE)
    arrow = asked(map(declarations, headers("pyarrow")), MOST_OF_A_HEADER)
    torch = asked(map(declarations, headers("torch")), MOST_OF_A_HEADER)
    legal = iter(licences())
    yield Corpus("first", "python", "docstrings of the standard library", take(python, FIRST))
    garbled = [*take(python, NIGHTLY), *broken()]
    yield Corpus("night-1", "python", "docstrings of other modules, and a broken export", garbled)
    yield Corpus("night-2", "arrow", "C++ from Apache Arrow's headers", take(arrow, NIGHTLY))
    yield Corpus("night-3", "arrow", "C++ from more of these headers", take(arrow, FEWER))
    yield Corpus("night-4", "licences", "paragraphs of licences", take(legal, A_FEW))
    yield Corpus("night-5", "torch", "C++ from PyTorch's headers", take(torch, NIGHTLY // 2))
    yield Corpus("night-6", "licences", "more paragraphs of licences", take(legal, NIGHTLY // 2))


def _told(modules: Sequence[Module], progress: Progress) -> Iterator[Module]:
    for done, module in enumerate(modules):
        progress("reading the standard library", done, len(modules))
        yield module


def take(texts: Iterator[Text], count: int) -> list[Text]:
    return list(islice(texts, count))
