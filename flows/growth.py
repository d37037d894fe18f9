"""Carrying out a night's wishes as far as the gate lets them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np

from flows.adoption import Growth, adopt, enter, joined, laid_over, reuse_of
from flows.drift import drifted
from flows.groups import Group
from flows.membership import Grounds, experts_of_kin, grown_kind, named, of_group, pool_after
from flows.modules import Kind, Modules, Pool
from flows.outcome import Outcome
from flows.settings import AUTOMATIC
from flows.shares import with_frozen_shares
from flows.sides import better_side, both_sides, documents_of, may_have_head, whole
from pipeline.candidate import Candidate
from pipeline.composition.methods import COMPOSITIONS
from pipeline.documents import REAL, Key
from pipeline.gate import Bounds
from pipeline.overlay import Overlaid, Overlay
from pipeline.questions import Questions
from pipeline.retriever import Retriever
from pipeline.side import too_late
from pipeline.trial import Trial

LEARNING = ("spawn", "refine")
"""Wishes that want an expert taught."""
NAMED_FROM = 10
"""Documents: the name of fewer could quote one of them, and outlive it in the history."""


def grow(grounds: Grounds, groups: Sequence[Group], modules: Modules) -> Growth:
    """Settle each group in turn, starting from `modules`; what waits goes to the pool."""
    growth = _begun(grounds, modules)
    for place, group in enumerate(groups):
        own = grounds.for_one_of(sum(one.outcome in LEARNING for one in groups[place:]))
        growth = _settle(own, growth, group)
        grounds.training_seconds.extend(own.training_seconds)
    return _ended(grounds, growth, pool_after(grounds, groups))


def grow_kind(grounds: Grounds, kind: Kind) -> Growth:
    """An expert tried for one kind that is there, or a revision of its expert; nothing is new."""
    nothing = Questions.none(grounds.live.encoder.dimension)
    rows = np.empty(0, np.int64)
    group = Group(kind, rows, rows, (), (), nothing, "spawn", "somebody asked for an expert")
    growth = _begun(grounds, grounds.live.modules)
    tried = _spawn if kind.expert is None else _refine
    return _ended(grounds, tried(grounds, growth, kind, group), growth.modules.pool)


def _begun(grounds: Grounds, modules: Modules) -> Growth:
    """The modules as tonight's settings want them."""
    settings = grounds.live.settings
    router = replace(modules.router, rule=settings.router)
    return Growth(replace(modules, router=router, compose=settings.compose))


def _ended(grounds: Grounds, growth: Growth, pool: Pool) -> Growth:
    """The router fitted to what is asked by now, and the shares of kinds without an expert."""
    router = growth.modules.router.calibrated(
        np.concatenate([kind.questions.judging.vectors for kind in growth.modules.kinds.values()])
    )
    modules = replace(growth.modules, pool=pool, router=router)
    modules = with_frozen_shares(modules, grounds.library, grounds.index, grounds.lexical)
    return replace(growth, modules=modules)


def _settle(grounds: Grounds, growth: Growth, group: Group) -> Growth:
    if group.outcome == "wait":
        count = len(group.documents)
        name = named(group.documents, grounds.library) if count >= NAMED_FROM else "untitled"
        outcome = Outcome(name, count, "wait", group.reason)
        return replace(growth, outcomes=(*growth.outcomes, outcome))
    kind = grown_kind(grounds, growth.modules, group)
    growth = laid_over(grounds, growth, kind, group)
    if group.outcome in ("absorb", "reuse"):
        reason = joined(group.reason, _drift(grounds, growth, kind, group))
        return enter(grounds, growth, kind, group, group.outcome, reason, kind.expert)
    if group.outcome == "refine":
        return _refine(grounds, growth, kind, group)
    return _spawn(grounds, growth, kind, group)


def _drift(grounds: Grounds, growth: Growth, kind: Kind, group: Group) -> str | None:
    features, groups = of_group(grounds, group)
    alarms = grounds.live.settings.false_alarms_per_year / len(growth.modules.kinds)
    return drifted(kind, features, groups, alarms)


def _spawn(grounds: Grounds, growth: Growth, kind: Kind, group: Group) -> Growth:
    """Serve a kind by an expert that is there, or by a new one if that is surely better.

    An expert of text that does not look like this at all may help by chance: it serves only where
    the gate refuses a new one.
    """
    trial = _trial(grounds, growth)
    name = grounds.name("e", "expert/", growth.modules.experts)
    kin = experts_of_kin(grounds, growth.modules, group)
    reuse = _best_existing(trial, kind, kin)
    kind = replace(kind, asked=kind.documents)
    if len(growth.modules.serving) >= grounds.live.settings.max_experts:
        return _full(grounds, growth, kind, group, reuse)
    new = trial.new(kind.id, kind.questions, name, laid=_laid(grounds, kind, group))
    told = None
    if reuse is None or (
        new.verdict.accepted and (reuse.expert.name not in kin or trial.beats(new, reuse))
    ):
        new, told = _sided(grounds, trial, kind, group, new)
        if new.verdict.accepted:
            return adopt(grounds, growth, kind, group, new, "spawn", told=told)
    new.expert.detach()
    if reuse is not None:
        return reuse_of(grounds, growth, kind, group, reuse)
    reason = joined(f"the gate refused {name}: {new.verdict.reason}", told)
    return enter(grounds, growth, kind, group, "absorb", reason, None, new.verdict.as_json())


def _full(
    grounds: Grounds, growth: Growth, kind: Kind, group: Group, reuse: Candidate | None
) -> Growth:
    """Serve a kind when there may be no more experts."""
    if reuse is not None:
        return reuse_of(grounds, growth, kind, group, reuse)
    reason = f"{group.reason}, but max_experts is {grounds.live.settings.max_experts}"
    return enter(grounds, growth, kind, group, "absorb", reason, None)


def _refine(grounds: Grounds, growth: Growth, kind: Kind, group: Group) -> Growth:
    """A revision of the kind's expert, if it beats the expert as it is."""
    cap = grounds.live.settings.max_experts
    shared = list(growth.modules.router.experts.values()).count(str(kind.expert)) > 1
    if shared and len(growth.modules.serving) >= cap:
        reason = f"{kind.expert} stays: max_experts is {cap}"
        return enter(grounds, growth, kind, group, "reuse", reason, kind.expert)
    learned = kind.questions.teaching.pairs[: kind.taught]
    spent = frozenset(pair.key for pair in learned if pair.origin == REAL)
    trial = replace(_trial(grounds, growth), spent=spent)
    parent = str(kind.expert)
    root = parent.split("-")[0]
    name = grounds.revision(root, growth.modules.experts)
    overlays = {**grounds.live.overlays, **growth.overlays}
    told = None
    overlay = overlays.get(parent)
    if overlay is not None and overlay.head is None:
        both = both_sides(trial, kind, group, name, trial.live.experts[parent], overlay)
        late = too_late(both)
        if late:
            reason = f"{parent} stays: {late}"
            return enter(grounds, growth, kind, group, "reuse", reason, parent)
        new = both.whole(both.first_fold())
    else:
        laid = _laid(grounds, kind, group, overlay)
        new = trial.new(kind.id, kind.questions, name, trial.live.experts[parent], laid)
        new, told = _sided(grounds, trial, kind, group, new)
    kind = replace(kind, tried=len(kind.questions.teaching))
    if new.verdict.accepted:
        return adopt(grounds, growth, kind, group, new, "refine", parent, told)
    new.expert.detach()
    reason = joined(f"{parent} stays, a revision was refused: {new.verdict.reason}", told)
    return enter(grounds, growth, kind, group, "reuse", reason, parent, new.verdict.as_json())


def _laid(
    grounds: Grounds, kind: Kind, group: Group, overlay: Overlay | None = None
) -> Collection[Key]:
    """The documents that a head may rewrite: the kind's, or none."""
    keys = documents_of(kind, group, overlay)
    return keys if may_have_head(kind, grounds.live.settings) and whole(kind, keys) else ()


def _sided(
    grounds: Grounds, trial: Trial, kind: Kind, group: Group, new: Candidate
) -> tuple[Candidate, str | None]:
    """The candidate, or one for both sides in its place where the settings let it be tried."""
    if grounds.live.settings.side != AUTOMATIC or not whole(kind, documents_of(kind, group)):
        return new, None
    return better_side(trial, kind, group, new)


def _best_existing(trial: Trial, kind: Kind, kin: Collection[str]) -> Candidate | None:
    """The accepted candidate with the largest gain among the experts that serve other kinds;
    one of the kin before any other.
    """
    if not len(kind.questions.teaching):
        return None
    tried = [
        trial.existing(kind.id, kind.questions, trial.live.experts[name])
        for name in sorted(set(trial.live.router.experts.values()))
    ]
    accepted = [candidate for candidate in tried if candidate.verdict.accepted]
    return max(accepted, key=lambda one: (one.expert.name in kin, one.verdict.gain), default=None)


def _trial(grounds: Grounds, growth: Growth) -> Trial:
    """A trial against the module set as it stands after the groups so far."""
    live = grounds.live
    experts = {**live.experts, **growth.new}
    overlaid = {
        name: Overlaid(overlay, grounds.library, grounds.index)
        for name, overlay in {**live.overlays, **growth.overlays}.items()
    }
    router = growth.modules.router
    composition = COMPOSITIONS[growth.modules.compose]
    retriever = Retriever(
        live.encoder, experts, router, grounds.index, overlaid, composition=composition
    )
    others = {id_: kind.questions for id_, kind in growth.modules.kinds.items()}
    return Trial(
        retriever,
        grounds.library,
        others,
        grounds.minutes,
        live.settings.seed,
        Bounds(live.settings.gate_margin, live.settings.gate_tolerance),
        grounds.progress,
        grounds.training_seconds,
        live.settings.expert,
    )
