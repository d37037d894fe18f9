"""How much the words of a query count: a lexical share for every expert and the frozen encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from heapq import nsmallest

from flows.modules import Kind, Modules
from pipeline.documents import REAL
from pipeline.fusion import DEPTH
from pipeline.index import Index
from pipeline.lexical import Lexical
from pipeline.library import Library
from pipeline.questions import Questions
from pipeline.router import FROZEN
from pipeline.tried import Heard, as_heard, each_once, share_of

MOST_ASKED = 500
"""Queries that the frozen encoder's share is chosen by."""


def with_share(
    modules: Modules, name: str, heard: Sequence[Heard], lexical: Lexical | None
) -> Modules:
    """The modules with the share of an expert that answered these queries, where words count."""
    if lexical is None:
        return modules
    return replace(modules, shares={**modules.shares, name: share_of(heard, lexical)})


def with_frozen_share(
    modules: Modules, library: Library, index: Index, lexical: Lexical | None
) -> Modules:
    """The modules with the share of what no expert serves, chosen by what people asked there."""
    if lexical is None:
        return modules
    asked = real_questions(modules.kinds, library)
    texts, vectors = each_once(asked)
    found = index.search(vectors, DEPTH) if texts else []
    return with_share(modules, FROZEN, as_heard(asked, library, texts, found), lexical)


def real_questions(kinds: Mapping[str, Kind], library: Library) -> Questions:
    """What people asked about kinds that the frozen encoder serves: at most MOST_ASKED queries."""
    unserved = [kind.questions for kind in kinds.values() if kind.expert is None]
    questions = sum(unserved[1:], unserved[0]) if unserved else Questions.none(1)
    real = questions.where(lambda pair: pair.origin == REAL and pair.key in library.number_of)
    chosen = _some({pair.query for pair in real.pairs})
    return real.where(lambda pair: pair.query in chosen)


def _some(queries: Iterable[str]) -> frozenset[str]:
    """The same queries whatever order they come in."""

    def digest(query: str) -> bytes:
        return hashlib.sha256(query.encode("utf-8", "surrogatepass")).digest()

    return frozenset(nsmallest(MOST_ASKED, queries, digest))
