"""Carrying out a night's wishes as far as the gate lets them: the module set before, and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from flows.groups import Group
from flows.membership import Grounds, compared, grown_kind, pool_after
from flows.modules import ExpertFacts, Kind, Modules
from flows.outcome import Outcome
from pipeline.experts.base import Expert
from pipeline.gate import Bounds
from pipeline.retriever import Retriever
from pipeline.router import prototypes_of
from pipeline.terms import name_of
from pipeline.trial import Candidate, Trial


@dataclass(frozen=True)
class Growth:
    """The module set after the night, the weights that are new in it, and what became of whom."""

    modules: Modules
    outcomes: tuple[Outcome, ...] = ()
    weights: Mapping[str, Expert] | None = None

    @property
    def new(self) -> dict[str, Expert]:
        return dict(self.weights or {})


def grow(grounds: Grounds, groups: Sequence[Group], modules: Modules) -> Growth:
    """Settle each group in turn, starting from `modules`; what waits goes to the pool."""
    growth = Growth(modules)
    for group in groups:
        growth = _settle(grounds, growth, group)
    pool = pool_after(grounds, groups)
    router = growth.modules.router.calibrated(
        np.concatenate([kind.questions.judging.vectors for kind in growth.modules.kinds.values()])
    )
    return replace(growth, modules=replace(growth.modules, pool=pool, router=router))


def _settle(grounds: Grounds, growth: Growth, group: Group) -> Growth:
    if group.outcome == "wait":
        name = name_of(group.documents, compared(grounds, group))
        outcome = Outcome(name, len(group.documents), "wait", group.reason)
        return replace(growth, outcomes=(*growth.outcomes, outcome))
    kind = grown_kind(grounds, growth.modules, group)
    if group.outcome in ("absorb", "reuse"):
        return _enter(growth, kind, group, group.outcome, group.reason, kind.expert)
    if group.outcome == "refine":
        return _refine(grounds, growth, kind, group)
    return _spawn(grounds, growth, kind, group)


def _spawn(grounds: Grounds, growth: Growth, kind: Kind, group: Group) -> Growth:
    """Serve a kind by an expert that is there, or by a new one if that is surely better."""
    trial = _trial(grounds, growth)
    name = grounds.name("e", "expert/", growth.modules.experts)
    reuse = _best_existing(trial, kind)
    kind = replace(kind, asked=kind.documents)
    if len(set(trial.live.router.experts.values())) >= grounds.live.settings.max_experts:
        return _full(grounds, growth, kind, group, reuse)
    new = trial.new(kind.id, kind.questions, name)
    if new.verdict.accepted and (reuse is None or trial.beats(new, reuse)):
        return _adopt(grounds, growth, kind, group, new, "spawn", parent=None)
    new.expert.detach()
    if reuse is not None:
        return _reuse(growth, kind, group, reuse)
    reason = f"the gate refused {name}: {new.verdict.reason}"
    return _enter(growth, kind, group, "absorb", reason, None, new.verdict.as_json())


def _full(
    grounds: Grounds, growth: Growth, kind: Kind, group: Group, reuse: Candidate | None
) -> Growth:
    """Serve a kind when there may be no more experts."""
    if reuse is not None:
        return _reuse(growth, kind, group, reuse)
    cap = grounds.live.settings.max_experts
    reason = f"{group.reason}, but there are {cap} experts and may be no more"
    return _enter(growth, kind, group, "absorb", reason, None)


def _reuse(growth: Growth, kind: Kind, group: Group, reuse: Candidate) -> Growth:
    """Serve a kind by an expert that another kind has."""
    name = reuse.expert.name
    kind = replace(kind, expert=name, taught=len(kind.questions.teaching))
    reason = f"{name} serves it: {reuse.verdict.reason}"
    return _enter(growth, kind, group, "reuse", reason, name, reuse.verdict.as_json())


def _refine(grounds: Grounds, growth: Growth, kind: Kind, group: Group) -> Growth:
    """A revision of the kind's expert, if it beats the expert as it is."""
    trial = _trial(grounds, growth)
    parent = str(kind.expert)
    root = parent.split("-")[0]
    name = grounds.revision(root, growth.modules.experts)
    experts = {**grounds.live.experts, **growth.new}
    new = trial.new(kind.id, kind.questions, name, experts[parent])
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


def _trial(grounds: Grounds, growth: Growth) -> Trial:
    """A trial against the module set as it stands after the groups so far."""
    live = grounds.live
    experts = {**live.experts, **growth.new}
    retriever = Retriever(live.encoder, experts, growth.modules.router, grounds.index)
    others = {id_: kind.questions for id_, kind in growth.modules.kinds.items()}
    return Trial(
        retriever,
        grounds.library,
        others,
        grounds.minutes,
        live.settings.seed,
        Bounds(live.settings.gate_margin, live.settings.gate_tolerance),
        grounds.progress,
        grounds.taught,
    )
