"""Carrying out a night's wishes as far as the gate lets them: the module set before, and after."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from flows.groups import Group
from flows.membership import Grounds, compared, grown_kind, pool_after
from flows.modules import ExpertFacts, Kind, Modules
from flows.outcome import Outcome
from pipeline.experts.base import Expert
from pipeline.gate import Bounds
from pipeline.overlay import Overlaid, Overlay, lay
from pipeline.retriever import Retriever
from pipeline.router import prototypes_of
from pipeline.side import BothSides, choose_side, too_late
from pipeline.terms import name_of
from pipeline.trial import Candidate, Trial


@dataclass(frozen=True)
class Growth:
    """The module set after the night, the weights that are new in it, and what became of whom."""

    modules: Modules
    outcomes: tuple[Outcome, ...] = ()
    weights: Mapping[str, Expert] | None = None
    overlays: Mapping[str, Overlay] = field(default_factory=dict)
    """Overlays that are new or have grown tonight."""
    reencoded: int = 0
    """Documents that went into an overlay tonight."""

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
    growth = _laid_over(grounds, growth, kind, group)
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
    told = None
    if reuse is None or (new.verdict.accepted and trial.beats(new, reuse)):
        new, told = _better_side(trial, kind, group, new)
        if new.verdict.accepted:
            return _adopt(grounds, growth, kind, group, new, "spawn", told=told)
    new.expert.detach()
    if reuse is not None:
        return _reuse(growth, kind, group, reuse)
    reason = _joined(f"the gate refused {name}: {new.verdict.reason}", told)
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
    overlays = {**grounds.live.overlays, **growth.overlays}
    told = None
    if parent in overlays:
        both = _both(trial, kind, group, name, trial.live.experts[parent], overlays[parent])
        late = too_late(both)
        if late:
            reason = f"{parent} stays: {late}"
            return _enter(growth, kind, group, "reuse", reason, parent)
        new = both.whole(both.first_fold())
    else:
        new = trial.new(kind.id, kind.questions, name, trial.live.experts[parent])
        new, told = _better_side(trial, kind, group, new)
    kind = replace(kind, taught=len(kind.questions.teaching))
    if new.verdict.accepted:
        return _adopt(grounds, growth, kind, group, new, "refine", parent, told)
    new.expert.detach()
    reason = _joined(f"{parent} stays, a revision was refused: {new.verdict.reason}", told)
    return _enter(growth, kind, group, "reuse", reason, parent, new.verdict.as_json())


def _better_side(
    trial: Trial, kind: Kind, group: Group, queries: Candidate
) -> tuple[Candidate, str | None]:
    """The query side's candidate, or one for both sides in its place and under its name."""
    name = queries.expert.name
    choice = choose_side(_both(trial, kind, group, f"{name}-both"), queries)
    if choice.candidate is queries:
        return queries, choice.reason
    queries.expert.detach()
    return trial.renamed(choice.candidate, name), choice.reason


def _both(
    trial: Trial,
    kind: Kind,
    group: Group,
    name: str,
    parent: Expert | None = None,
    overlay: Overlay | None = None,
) -> BothSides:
    """Both sides of the documents that are known to be of the kind: asked about, new, laid over."""
    keys = {pair.key for pair in kind.questions.pairs}
    keys |= {document.key for document in group.documents}
    keys |= {key for part in (overlay.parts if overlay else ()) for key in part.keys}
    return BothSides(trial, kind.id, kind.questions, keys, name, parent)


def _laid_over(grounds: Grounds, growth: Growth, kind: Kind, group: Group) -> Growth:
    """The group's documents put into the overlay of their kind's own expert, if it has one."""
    overlays = {**grounds.live.overlays, **growth.overlays}
    name = kind.expert
    if name not in overlays or growth.modules.experts[name].kind != kind.id:
        return growth
    keys = [document.key for document in group.documents]
    expert = grounds.live.experts[name]
    part = lay(grounds.live.encoder, expert, grounds.library, keys, grounds.progress)
    grown = replace(overlays[name], parts=(*overlays[name].parts, part))
    return replace(
        growth,
        overlays={**growth.overlays, name: grown},
        reencoded=growth.reencoded + len(part.keys),
    )


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
    parent: str | None = None,
    told: str | None = None,
) -> Growth:
    """Take a new expert into the module set, and its overlay with it."""
    training, overlay = new.training, new.overlay
    reencoded = len(overlay.parts[0].keys) if overlay else 0
    facts = ExpertFacts(
        name=new.expert.name,
        method=f"{new.expert.method}-both" if overlay else new.expert.method,
        kind=kind.id,
        parent=parent,
        born=grounds.version,
        parameters=new.expert.parameter_count,
        queries=training.queries if training else 0,
        seconds=training.seconds if training else 0.0,
        gate=new.verdict.as_json(),
        scale=tuple(overlay.scale) if overlay else None,
        reencoded=reencoded,
    )
    modules = replace(growth.modules, experts={**growth.modules.experts, facts.name: facts})
    kind = replace(kind, expert=facts.name, taught=len(kind.questions.teaching))
    grown = replace(
        growth,
        modules=modules,
        weights={**growth.new, facts.name: new.expert},
        overlays={**growth.overlays, **({facts.name: overlay} if overlay else {})},
        reencoded=growth.reencoded + reencoded,
    )
    gate, reason = new.verdict.as_json(), _joined(new.verdict.reason, told)
    return _enter(grown, kind, group, outcome, reason, facts.name, gate)


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
    overlaid = {
        name: Overlaid(overlay, grounds.library, grounds.index)
        for name, overlay in {**live.overlays, **growth.overlays}.items()
    }
    router = growth.modules.router
    retriever = Retriever(live.encoder, experts, router, grounds.index, overlaid)
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


def _joined(*told: str | None) -> str:
    return "; ".join(part for part in told if part)
