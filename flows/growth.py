"""Carrying out a night's wishes as far as the gate lets them: the module set before, and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from flows.groups import Group
from flows.intake import Encoding
from flows.live import Live
from flows.modules import ExpertFacts, Kind, Modules, Pool
from pipeline.documents import Document
from pipeline.experts.base import Expert
from pipeline.index import Index
from pipeline.kinds import KindStatistics
from pipeline.library import Library
from pipeline.progress import Progress
from pipeline.questions import Questions
from pipeline.retriever import Retriever
from pipeline.router import prototypes_of
from pipeline.terms import name_of
from pipeline.trial import Candidate, Trial

COMPARED = 2000
"""Documents that a new kind is named against."""


@dataclass(frozen=True)
class Outcome:
    """What became of a group, as history tells it."""

    kind: str
    documents: int
    outcome: str
    reason: str
    expert: str | None = None
    gate: Mapping[str, Any] | None = None

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


@dataclass(frozen=True)
class Growth:
    """The module set after the night, the weights that are new in it, and what became of whom."""

    modules: Modules
    outcomes: tuple[Outcome, ...] = ()
    weights: Mapping[str, Expert] | None = None

    @property
    def new(self) -> dict[str, Expert]:
        return dict(self.weights or {})


@dataclass(frozen=True)
class Grounds:
    """What growing stands on: the live version, tonight's documents, and names ever used."""

    live: Live
    documents: tuple[Document, ...]
    encoding: Encoding
    library: Library
    index: Index
    version: int
    names: frozenset[str]
    minutes: float
    progress: Progress

    def trial(self, growth: Growth) -> Trial:
        """A trial against the module set as it stands after the groups so far."""
        live = self.live
        experts = {**live.experts, **growth.new}
        retriever = Retriever(live.encoder, experts, growth.modules.router, self.index)
        others = {id_: kind.questions for id_, kind in growth.modules.kinds.items()}
        return Trial(
            retriever, self.library, others, self.minutes, live.settings.seed, self.progress
        )


def grow(grounds: Grounds, groups: Sequence[Group], modules: Modules) -> Growth:
    """Settle each group in turn, starting from `modules`; what waits goes to the pool."""
    growth = Growth(modules)
    for group in groups:
        growth = _settle(grounds, growth, group)
    pool = _pool(grounds, groups)
    router = growth.modules.router.calibrated(
        np.concatenate([kind.questions.judging.vectors for kind in growth.modules.kinds.values()])
    )
    return replace(growth, modules=replace(growth.modules, pool=pool, router=router))


def still_there(modules: Modules, library: Library) -> Modules:
    """The modules without the questions and the waiting documents that lost their document."""
    kinds = dict(modules.kinds)
    for id_, kind in kinds.items():
        left = kind.questions.where(lambda pair: pair.key in library.number_of)
        if len(left) < len(kind.questions):
            kinds[id_] = replace(kind, questions=left)
    rows = [row for row, key in enumerate(modules.pool.keys) if key in library.number_of]
    return replace(modules, kinds=kinds, pool=modules.pool.take(rows))


def heard(modules: Modules, questions: Questions) -> Modules:
    """The modules with questions about documents of earlier nights given to the nearest kinds."""
    if not len(questions) or not modules.router.prototypes:
        return modules
    nearest = modules.router.similarity(questions.vectors).argmax(axis=1)
    kinds = dict(modules.kinds)
    for column, id_ in enumerate(modules.router.prototypes):
        rows = np.flatnonzero(nearest == column).tolist()
        if rows:
            kinds[id_] = replace(kinds[id_], questions=kinds[id_].questions + questions.take(rows))
    return replace(modules, kinds=kinds)


def _settle(grounds: Grounds, growth: Growth, group: Group) -> Growth:
    if group.outcome == "wait":
        name = name_of(group.documents, _others(grounds, group))
        outcome = Outcome(name, len(group.documents), "wait", group.reason)
        return replace(growth, outcomes=(*growth.outcomes, outcome))
    kind = _grown(grounds, growth, group)
    if group.outcome in ("absorb", "reuse"):
        return _enter(growth, kind, group, group.outcome, group.reason, kind.expert)
    if group.outcome == "refine":
        return _refine(grounds, growth, kind, group)
    return _spawn(grounds, growth, kind, group)


def _spawn(grounds: Grounds, growth: Growth, kind: Kind, group: Group) -> Growth:
    """Serve a kind by an expert that is there, or by a new one if that is surely better."""
    trial = grounds.trial(growth)
    name = _next("e", _taken("expert/", grounds) | set(growth.modules.experts))
    reuse = _best_existing(trial, kind)
    new = trial.new(kind.id, kind.questions, name)
    kind = replace(kind, asked=kind.documents)
    if new.verdict.accepted and (reuse is None or trial.beats(new, reuse)):
        return _adopt(grounds, growth, kind, group, new, "spawn", parent=None)
    new.expert.detach()
    if reuse is not None:
        reason = f"{reuse.expert.name} serves it: {reuse.verdict.reason}"
        kind = replace(kind, expert=reuse.expert.name, taught=len(kind.questions.teaching))
        gate = reuse.verdict.as_json()
        return _enter(growth, kind, group, "reuse", reason, reuse.expert.name, gate)
    reason = f"the gate refused {name}: {new.verdict.reason}"
    return _enter(growth, kind, group, "absorb", reason, None, new.verdict.as_json())


def _refine(grounds: Grounds, growth: Growth, kind: Kind, group: Group) -> Growth:
    """A revision of the kind's expert, if it beats the expert as it is."""
    trial = grounds.trial(growth)
    parent = str(kind.expert)
    root = parent.split("-")[0]
    names = _taken("expert/", grounds) | set(growth.modules.experts)
    revision = 1 + len({name for name in names if name.split("-")[0] == root})
    experts = {**grounds.live.experts, **growth.new}
    new = trial.new(kind.id, kind.questions, f"{root}-{revision}", experts[parent])
    kind = replace(kind, taught=len(kind.questions.teaching))
    if new.verdict.accepted:
        return _adopt(grounds, growth, kind, group, new, "refine", parent)
    new.expert.detach()
    reason = f"{parent} stays, a revision was refused: {new.verdict.reason}"
    return _enter(growth, kind, group, "reuse", reason, parent, new.verdict.as_json())


def _best_existing(trial: Trial, kind: Kind) -> Candidate | None:
    """The accepted candidate with the largest gain among the experts that serve other kinds."""
    if not len(kind.questions.teaching):
        return None
    tried = [
        trial.existing(kind.id, kind.questions, trial.live.experts[name])
        for name in sorted(set(trial.live.router.experts.values()))
    ]
    accepted = [candidate for candidate in tried if candidate.verdict.accepted]
    return max(accepted, key=lambda candidate: candidate.verdict.gain, default=None)


def _adopt(
    grounds: Grounds,
    growth: Growth,
    kind: Kind,
    group: Group,
    new: Candidate,
    outcome: str,
    parent: str | None,
) -> Growth:
    """Take a new expert into the module set."""
    training = new.training
    facts = ExpertFacts(
        name=new.expert.name,
        method=new.expert.method,
        kind=kind.id,
        parent=parent,
        born=grounds.version,
        parameters=new.expert.parameter_count,
        queries=training.queries if training else 0,
        seconds=training.seconds if training else 0.0,
        gate=new.verdict.as_json(),
    )
    modules = replace(growth.modules, experts={**growth.modules.experts, facts.name: facts})
    kind = replace(kind, expert=facts.name, taught=len(kind.questions.teaching))
    grown = replace(growth, modules=modules, weights={**growth.new, facts.name: new.expert})
    gate = new.verdict.as_json()
    return _enter(grown, kind, group, outcome, new.verdict.reason, facts.name, gate)


def _enter(
    growth: Growth,
    kind: Kind,
    group: Group,
    outcome: str,
    reason: str,
    expert: str | None,
    gate: Mapping[str, Any] | None = None,
) -> Growth:
    """Put a kind into the module set, with prototypes that lead to whatever serves it."""
    router = growth.modules.router
    typical = kind.questions.typical
    if len(typical):
        points = prototypes_of(typical.vectors, 0)
        router = router.with_kind(kind.id, points, kind.expert)
    modules = replace(growth.modules, kinds={**growth.modules.kinds, kind.id: kind}, router=router)
    told = Outcome(kind.name, len(group.documents), outcome, reason, expert, gate)
    return replace(growth, modules=modules, outcomes=(*growth.outcomes, told))


def _grown(grounds: Grounds, growth: Growth, group: Group) -> Kind:
    """The group's kind after these documents; a kind of its own where it is new."""
    pool = grounds.live.modules.pool.take(list(group.waiting))
    encoding = grounds.encoding
    features = np.concatenate([encoding.features[group.rows], pool.features])
    groups = np.concatenate([encoding.groups[group.rows], pool.groups])
    if group.kind is not None:
        old = growth.modules.kinds[group.kind.id]
        return replace(
            old,
            documents=old.documents + len(group.documents),
            statistics=old.statistics.grow(features, groups),
            questions=old.questions + group.questions,
        )
    statistics = KindStatistics.of(features, groups)
    return Kind(
        id=_next("k", _taken("kind/", grounds) | set(growth.modules.kinds)),
        name=name_of(group.documents, _others(grounds, group)),
        documents=len(group.documents),
        born=grounds.version,
        statistics=statistics,
        birth=statistics,
        questions=group.questions,
    )


def _pool(grounds: Grounds, groups: Sequence[Group]) -> Pool:
    """What waits after the night: those who still do, and tonight's newcomers."""
    live = grounds.live.modules.pool
    settled = {row for group in groups if group.outcome != "wait" for row in group.waiting}
    tonight = {document.key for document in grounds.documents}
    pool = live.take(
        [
            row
            for row, key in enumerate(live.keys)
            if row not in settled and key in grounds.library.number_of and key not in tonight
        ]
    )
    for group in groups:
        if group.outcome == "wait":
            rows = group.rows
            keys = [grounds.documents[grounds.encoding.rows[row]].key for row in rows]
            pool = Pool(
                (*pool.keys, *keys),
                np.concatenate([pool.features, grounds.encoding.features[rows]]),
                np.concatenate([pool.groups, grounds.encoding.groups[rows]]),
                pool.questions + group.questions,
            )
    return pool


def _others(grounds: Grounds, group: Group) -> list[Document]:
    """Some documents of the index that are not in the group, to name the group against."""
    own = {document.key for document in group.documents}
    numbers = [number for key, number in grounds.library.number_of.items() if key not in own]
    step = max(1, len(numbers) // COMPARED)
    return [grounds.library.document(number) for number in numbers[::step]]


def _taken(prefix: str, grounds: Grounds) -> set[str]:
    """Names of that sort that any version has ever used."""
    return {
        name.removeprefix(prefix).split("/")[0] for name in grounds.names if name.startswith(prefix)
    }


def _next(letter: str, taken: set[str]) -> str:
    """The first number that was never given.

    >>> _next("e", {"e1", "e1-2", "e2"})
    'e3'
    """
    roots = [int(name.split("-")[0].removeprefix(letter)) for name in taken]
    return f"{letter}{1 + max(roots, default=0)}"
