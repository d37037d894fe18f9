"""How much the words of a query count: a lexical share for every kind."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import replace
from heapq import nsmallest

from flows.modules import Kind, Modules
from pipeline.documents import REAL
from pipeline.fusion import DEPTH
from pipeline.index import Index
from pipeline.lexical import Lexical
from pipeline.library import Library
from pipeline.questions import Questions
from pipeline.tried import Heard, as_heard, each_once, share_of

MOST_ASKED = 500
"""Queries that the share of a kind without an expert is chosen by."""


def with_share(
    modules: Modules, kind: str, heard: Sequence[Heard], lexical: Lexical | None
) -> Modules:
    """The modules with the share of a kind whose queries were answered so, where words count."""
    if lexical is None:
        return modules
    return replace(modules, shares={**modules.shares, kind: share_of(heard, lexical)})


def with_frozen_shares(
    modules: Modules, library: Library, index: Index, lexical: Lexical | None
) -> Modules:
    """The modules with the shares of kinds that no expert serves, chosen by what people asked."""
    for kind in modules.kinds.values():
        if lexical is not None and kind.expert is None:
            asked = real_questions(kind, library)
            texts, vectors = each_once(asked)
            found = index.search(vectors, DEPTH) if texts else []
            modules = with_share(modules, kind.id, as_heard(asked, library, texts, found), lexical)
    return modules


def real_questions(kind: Kind, library: Library) -> Questions:
    """What people asked about a kind: at most MOST_ASKED queries."""
    real = kind.questions.where(lambda pair: pair.origin == REAL and pair.key in library.number_of)
    chosen = _some({pair.query for pair in real.pairs})
    return real.where(lambda pair: pair.query in chosen)


def _some(queries: Iterable[str]) -> frozenset[str]:
    """The same queries whatever order they come in."""

    def digest(query: str) -> bytes:
        return hashlib.sha256(query.encode("utf-8", "surrogatepass")).digest()

    return frozenset(nsmallest(MOST_ASKED, queries, digest))
