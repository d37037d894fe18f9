"""Questions that nobody learned from, and where their answers stand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from flows.live import Live
from pipeline.index import Found
from pipeline.judged import JudgedQuery, read_judged

SHOWN = 10
DEEPEST = 100
"""Where a rank is looked for; a document farther down has none."""

Hits = list[list[tuple[str, float]]]
"""For each question the ids of the documents found, best first, with their scores."""


@dataclass(frozen=True)
class Change:
    """A question, its answer, and the answer's rank by the encoder alone and with the experts."""

    question: str
    answer: str
    before: int | None
    after: int | None

    @property
    def ranks_won(self) -> int:
        return (self.before or DEEPEST + 1) - (self.after or DEEPEST + 1)


def held_out(folders: Sequence[Path]) -> list[JudgedQuery]:
    """The test questions of some deliveries."""
    return [query for folder in folders for query in read_judged(folder, "test")]


def hits(live: Live, asked: Sequence[JudgedQuery], k: int = SHOWN, *, frozen: bool = False) -> Hits:
    """What a version's vectors find, or those of the encoder alone on that version's index."""
    ask = live.retriever.ask_frozen if frozen else live.retriever.ask
    answers = ask([query.text for query in asked], k, leg="dense")
    return [[_hit(live, found) for found in line] for line in answers.found]


def changes(live: Live, asked: Sequence[JudgedQuery]) -> list[Change]:
    """How far the experts move each answer."""
    before = hits(live, asked, DEEPEST, frozen=True)
    after = hits(live, asked, DEEPEST)
    return [
        Change(query.text, wanted(query), rank(wanted(query), old), rank(wanted(query), new))
        for query, old, new in zip(asked, before, after, strict=True)
    ]


def wanted(query: JudgedQuery) -> str:
    """The document that answers a question; in the demo there is just one."""
    return next(iter(query.grades))[1]


def rank(document: str, found: Sequence[tuple[str, float]]) -> int | None:
    """
    >>> rank("b", [("a", 0.9), ("b", 0.5)])
    2
    """
    ids = [id_ for id_, _ in found]
    return 1 + ids.index(document) if document in ids else None


def _hit(live: Live, found: Found) -> tuple[str, float]:
    return live.library.document(found.number).id, found.score
