"""The module set as a night changes it: what serves a kind from now on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from flows.groups import Group
from flows.membership import Grounds
from flows.modules import BOTH, HEAD, ExpertFacts, Kind, Modules
from flows.outcome import Outcome
from flows.settings import MANUAL
from flows.shares import with_share
from pipeline.candidate import Candidate
from pipeline.documents import Key
from pipeline.experts.base import Expert
from pipeline.overlay import Overlay, Part, lay, lay_by
from pipeline.router import prototypes_of


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


def adopt(
    grounds: Grounds,
    growth: Growth,
    kind: Kind,
    group: Group,
    new: Candidate,
    outcome: str,
    parent: str | None = None,
    told: str | None = None,
) -> Growth:
    """Take a new expert into the module set, and its overlay with it: to serve its kind, or to wait
    until somebody approves.
    """
    overlay = new.overlay
    facts = facts_of_expert(new, kind.id, grounds.version, parent)
    modules = replace(growth.modules, experts={**growth.modules.experts, facts.name: facts})
    kind = replace(kind, tried=len(kind.questions.teaching))
    grown = replace(
        growth,
        modules=modules,
        weights={**growth.new, facts.name: new.expert},
        overlays={**growth.overlays, **({facts.name: overlay} if overlay else {})},
        reencoded=growth.reencoded + facts.reencoded,
    )
    gate, reason = new.verdict.as_json(), joined(new.verdict.reason, new.expert.story, told)
    if grounds.live.settings.approval == MANUAL:
        kind = replace(kind, candidate=facts.name)
        return enter(
            grounds,
            grown,
            kind,
            group,
            "propose",
            f"{facts.name} waits for approval: {reason}",
            parent,
            gate,
        )
    kind = replace(kind, expert=facts.name, candidate=None, taught=kind.tried)
    modules = with_share(grown.modules, kind.id, new.heard, grounds.lexical)
    grown = replace(grown, modules=modules)
    return enter(grounds, grown, kind, group, outcome, reason, facts.name, gate)


def facts_of_expert(new: Candidate, kind: str, version: int, parent: str | None) -> ExpertFacts:
    """What is known of a candidate's expert once it goes live."""
    training, overlay = new.training, new.overlay
    head = overlay.head if overlay else None
    ending = "" if overlay is None else BOTH if head is None else HEAD
    # One that is all head is not called head and head.
    method = new.expert.method + ending if new.expert.state() else new.expert.method
    return ExpertFacts(
        name=new.expert.name,
        method=method,
        kind=kind,
        parent=parent,
        born=version,
        parameters=new.expert.parameter_count + (head.parameter_count if head else 0),
        queries=training.queries if training else 0,
        seconds=training.seconds if training else 0.0,
        gate=new.verdict.as_json(),
        scale=tuple(overlay.scale) if overlay else None,
        reencoded=len(overlay.parts[0].keys) if overlay and head is None else 0,
    )


def enter(
    grounds: Grounds,
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
        points = prototypes_of(typical.vectors, grounds.live.settings.seed)
        router = router.with_kind(kind.id, points, kind.expert)
    modules = replace(growth.modules, kinds={**growth.modules.kinds, kind.id: kind}, router=router)
    told = Outcome(kind.name, len(group.documents), outcome, reason, expert, gate, kind.id)
    return replace(growth, modules=modules, outcomes=(*growth.outcomes, told))


def reuse_of(
    grounds: Grounds, growth: Growth, kind: Kind, group: Group, reuse: Candidate
) -> Growth:
    """Serve a kind by an expert that another kind has."""
    name = reuse.expert.name
    modules = with_share(growth.modules, kind.id, reuse.heard, grounds.lexical)
    growth = replace(growth, modules=modules)
    kind = replace(kind, expert=name, tried=len(kind.questions.teaching), taught=0)
    reason = f"{name} serves it: {reuse.verdict.reason}"
    return enter(grounds, growth, kind, group, "reuse", reason, name, reuse.verdict.as_json())


def laid_over(grounds: Grounds, growth: Growth, kind: Kind, group: Group) -> Growth:
    """The group's documents put into the overlays of their kind's own expert and of the one that
    waits, if they have any.
    """
    overlays = {**grounds.live.overlays, **grounds.live.waiting, **growth.overlays}
    keys = [document.key for document in group.documents]
    for name in (kind.expert, kind.candidate):
        if name in overlays and kind.id in _kinds_of(growth.modules, name):
            overlay = overlays[name]
            part = _laid_by(grounds, name, overlay, keys)
            growth = replace(
                growth,
                overlays={**growth.overlays, name: overlay.with_part(part)},
                reencoded=growth.reencoded + (0 if overlay.head else len(part.keys)),
            )
    return growth


def _kinds_of(modules: Modules, expert: str) -> set[str]:
    """The kinds that an expert was made for: one, or those of all that it was merged from."""
    facts = modules.experts[expert]
    parents = facts.parent.split("+") if facts.parent and "+" in facts.parent else []
    merged = [_kinds_of(modules, parent) for parent in parents if parent in modules.experts]
    return {facts.kind}.union(*merged)


def _laid_by(grounds: Grounds, name: str, overlay: Overlay, keys: Sequence[Key]) -> Part:
    """Documents as the overlay's head sees them, or the expert itself."""
    if overlay.head is not None:
        return lay_by(overlay.head, grounds.library, keys)
    live = grounds.live
    expert = live.experts.get(name) or live.expert(name)
    try:
        return lay(live.encoder, expert, grounds.library, keys, grounds.progress)
    finally:
        if name not in live.experts:
            expert.detach()


def joined(*told: str | None) -> str:
    return "; ".join(part for part in told if part)
