"""Queries alone, or documents too: which side an expert of a kind is to take."""

from __future__ import annotations

from collections.abc import Collection

from flows.groups import Group
from flows.modules import Kind
from flows.settings import QUERY, Settings
from pipeline.candidate import Candidate
from pipeline.documents import Key
from pipeline.experts.base import Expert
from pipeline.overlay import Overlay
from pipeline.side import BothSides, choose_side
from pipeline.trial import Trial

WHOLE = 0.9
"""Of a kind's documents, what an overlay must cover."""


def may_have_head(kind: Kind, settings: Settings) -> bool:
    """Whether a head may rewrite the kind's documents: not where the settings forbid it, nor where
    only the documents' own words would teach it.
    """
    return settings.side != QUERY and not kind.questions.typical.synthetic


def whole(kind: Kind, keys: Collection[Key]) -> bool:
    """Whether these are the kind's documents, but for a few.

    Rewriting only those that people asked about lifts them above the others: every judge, whose
    documents are among them, would see a gain, and whoever asks about another one a loss.
    """
    return len(keys) >= WHOLE * kind.documents


def better_side(
    trial: Trial, kind: Kind, group: Group, queries: Candidate
) -> tuple[Candidate, str | None]:
    """The query side's candidate, or one for both sides in its place and under its name."""
    name = queries.expert.name
    both = both_sides(trial, kind, group, f"{name}-both")
    choice = choose_side(both, queries)
    if choice.candidate is queries:
        return queries, choice.reason
    queries.expert.detach()
    return trial.renamed(choice.candidate, name), choice.reason


def both_sides(
    trial: Trial,
    kind: Kind,
    group: Group,
    name: str,
    parent: Expert | None = None,
    overlay: Overlay | None = None,
) -> BothSides:
    """Both sides of the documents that are known to be of the kind."""
    keys = documents_of(kind, group, overlay)
    return BothSides(trial, kind.id, kind.questions, keys, name, parent)


def documents_of(kind: Kind, group: Group, overlay: Overlay | None = None) -> set[Key]:
    """The documents that are known to be of the kind: asked about, new, laid over."""
    keys = {pair.key for pair in kind.questions.pairs}
    keys |= {document.key for document in group.documents}
    return keys | {key for part in (overlay.parts if overlay else ()) for key in part.keys}
