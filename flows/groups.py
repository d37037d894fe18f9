"""What a night holds, group by group: documents of one kind, what is asked about them, the aim."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from heapq import nsmallest

from flows.intake import Intake
from flows.live import Live
from flows.modules import Kind, Pool
from pipeline.chosen import Chosen, Joined
from pipeline.clusters import Rows
from pipeline.decision import Findings, KindFacts, wish
from pipeline.documents import REAL, Document, Key, Pair
from pipeline.encoder import Encoder
from pipeline.library import Library
from pipeline.pairs import judges, key_terms, spans
from pipeline.questions import Questions

TOO_FEW_PAIRS = 50
"""With fewer real pairs, queries are made from the documents besides."""
SPANS_EACH = 4
"""Spans at most of a document that nobody asked about, where real pairs are that many more."""
FEW, MANY = 100, 1500
"""Documents to make queries from: for a kind that is only watched, for one an expert may learn."""


@dataclass(frozen=True)
class Group:
    """Rows of tonight's encoding and of the pool that belong together, and the aim for them.

    `arrived` are the rows whose documents no kind has counted yet; others are updates.
    """

    kind: Kind | None
    rows: Rows
    arrived: Rows
    waiting: tuple[int, ...]
    documents: Sequence[Document]
    questions: Questions
    outcome: str
    reason: str


def decide(
    live: Live, intake: Intake, findings: Findings, library: Library, pool: Pool
) -> list[Group]:
    """The groups of a night with the outcome to aim for, known kinds first."""
    return [
        _group(live, intake, findings.night, kind, rows, library, pool)
        for kind, rows in findings.groups
    ]


def _group(
    live: Live,
    intake: Intake,
    night: int,
    kind_id: str | None,
    rows: Rows,
    library: Library,
    pool: Pool,
) -> Group:
    tonight = rows[rows < night]
    waiting = tuple(int(row) - night for row in rows[rows >= night])
    fresh = Chosen(intake.documents, tonight)
    brought = {document.key for document in fresh}
    # What was asked while they waited, of those who wait still and of those who came anew.
    before = pool.questions.where(lambda pair: pair.key in brought)
    pool = pool.take(list(waiting))
    waited = [library.document(library.number_of[key]) for key in pool.keys]
    kind = live.modules.kinds[kind_id] if kind_id else None
    watched = kind is not None and kind.expert is None and kind.asked is None
    together = Joined([fresh, waited])
    keys = {document.key for document in together}
    pairs = [pair for pair in intake.pairs if pair.key in keys]
    known = kind.questions if kind else Questions.none(live.encoder.dimension)
    still = still_asked(known, library, intake.reworded)
    # As many again as lost those that were made of them, with their text or altogether.
    few = FEW + len({pair.key for pair in known.pairs} - {pair.key for pair in still.pairs})
    asked = (
        pool.questions
        + before
        + ask_about(live.encoder, fresh, pairs, few if watched else MANY, live.settings.seed)
    )
    everything = still + asked
    again = counted(live, brought) if kind else set()
    arrived = tonight[[document.key not in again for document in fresh]]
    count = len(arrived) + len(waited) + (kind.documents if kind else 0)
    facts = facts_of(kind.asking(everything)) if kind else None
    outcome, reason = wish(facts, count, len(everything.teaching))
    return Group(kind, tonight, arrived, waiting, together, asked, outcome, reason)


def counted(live: Live, keys: Collection[Key]) -> set[Key]:
    """Those that a kind has counted: they were there before, and did not wait."""
    there, waiting = live.library.number_of, set(live.modules.pool.keys)
    return {key for key in keys if key in there and key not in waiting}


def still_asked(questions: Questions, library: Library, replaced: Collection[Key]) -> Questions:
    """Without those whose document is gone, and those made from a text that is replaced."""
    gone = set(replaced)
    return questions.where(
        lambda pair: pair.key in library.number_of and (pair.origin == REAL or pair.key not in gone)
    )


def ask_about(
    encoder: Encoder,
    documents: Sequence[Document],
    pairs: Sequence[Pair],
    most: int,
    seed: int,
) -> Questions:
    """Real pairs, and queries made from up to `most` of the documents that nobody asked about.

    Spans teach beside real pairs, at most as many: a document that has no pair can be no one's
    wrong answer, and the expert would never see it. Where real pairs are few, spans stand in for
    them and key terms judge. Documents of the judging tenth never teach.
    """
    asked = list(pairs)
    named = {pair.key for pair in pairs}

    def silent(document: Document) -> bool:
        return document.key not in named and not judges(document.key)

    if len(pairs) < TOO_FEW_PAIRS:
        asked += spans(_some(documents, most, silent), seed) + key_terms(_some(documents, most))
    else:
        unasked = _some(documents, min(most, len(pairs)), silent)
        asked += spans(unasked, seed, min(SPANS_EACH, len(pairs) // max(1, len(unasked))))
    return Questions(tuple(asked), encoder.encode_queries([pair.query for pair in asked]))


def _some(
    documents: Sequence[Document],
    most: int,
    wanted: Callable[[Document], bool] = lambda _: True,
) -> Sequence[Document]:
    """Up to so many of the wanted documents, the same ones whatever order they come in."""
    rows = ((one.text_hash, row) for row, one in enumerate(documents) if wanted(one))
    return Chosen(documents, [row for _, row in nsmallest(most, rows)])


def facts_of(kind: Kind) -> KindFacts:
    """What the decision needs to know of a kind."""
    return KindFacts(kind.name, kind.documents, kind.expert, kind.asked, kind.tried)
