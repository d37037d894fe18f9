"""Approval: a person's word about an expert that the gate accepted and that waits.

With `approval = "manual"` a night's documents go live at once, and its new expert waits beside its
kind, weights and all, as a part of the version. Whatever else comes meanwhile, `approve` measures
it again against what is live then: the queries that never taught it, of its own kind and of all
others, may not surely lose more than is tolerated. Whether it gains was proved by the night, on
many more queries than are left for this. Either answer is a version, and a rollback takes it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flows.live import Live, open_live
from flows.membership import forget_departed
from flows.modules import Kind, Modules
from flows.publication import publish_modules
from flows.retire import told, trial_of
from flows.shares import with_share
from nightshift.errors import NothingToDo, UsageError
from pipeline.gate import Change, harm, measured
from pipeline.router import Router, prototypes_of
from pipeline.tried import Heard, Tried
from state.store import Store


@dataclass(frozen=True)
class Approval:
    """What an expert that waits would change, kind by kind; no version where it goes on waiting."""

    expert: str
    kind: str
    changes: Mapping[str, Change]
    objection: str | None
    version: int | None = None

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "changes": told(self.changes)}


@dataclass(frozen=True)
class Rejection:
    """An expert that will not serve."""

    expert: str
    kind: str
    version: int

    def as_json(self) -> dict[str, Any]:
        return dict(vars(self))


def approve(
    store: Store, expert: str, reason: str | None = None, *, dry_run: bool = False
) -> Approval:
    """Publish a version in which the expert serves its kind, unless somebody would be harmed."""
    if dry_run:
        with open_live(store) as live:
            return _tried(live, expert)[0]
    with store.writing(), open_live(store) as live:
        approval, modules = _tried(live, expert)
        if approval.objection:
            return approval
        why = reason or f"{expert} serves {live.modules.waiting[expert].name}"
        done = replace(approval, version=live.manifest.version + 1)
        publish_modules(live, modules, "approve", why, {"approve": done.as_json()})
        return done


def reject(store: Store, expert: str, reason: str) -> Rejection:
    """Publish a version in which the expert waits no more; it stays in those where it did."""
    with store.writing(), open_live(store) as live:
        kind = waiting_for(live.modules, expert)
        kinds = {**live.modules.kinds, kind.id: replace(kind, candidate=None)}
        done = Rejection(expert, kind.id, live.manifest.version + 1)
        modules = replace(live.modules, kinds=kinds)
        publish_modules(live, modules, "reject", reason, {"reject": done.as_json()})
        return done


def waiting_for(modules: Modules, expert: str) -> Kind:
    """The kind that an expert waits to serve."""
    if expert not in modules.waiting:
        there = ", ".join(modules.waiting) or "none"
        raise UsageError(
            f"{expert!r} does not wait for approval; experts that wait: {there}",
            hint="nightshift experts",
        )
    return modules.waiting[expert]


def _tried(live: Live, expert: str) -> tuple[Approval, Modules]:
    """What it changes as things stand now, and the modules with it in its place."""
    forget_departed(live)
    kind = waiting_for(live.modules, expert)
    if not len(kind.questions.typical):
        raise NothingToDo(
            f"nothing is asked about {kind.name} any more: {expert} has nobody to serve",
            hint=f"nightshift reject {expert} --reason REASON",
        )
    router = live.modules.router.with_kind(
        kind.id, prototypes_of(kind.questions.typical.vectors, live.settings.seed), expert
    )
    tried = _asked(live, kind, router)
    asked = {id_: some for id_, some in tried.items() if len(some.gains)}
    changes = measured({id_: some.gains for id_, some in asked.items()})
    objection = harm(changes, live.settings.gate_tolerance)
    serving, cap = len(set(router.experts.values())), live.settings.max_experts
    if serving > max(len(live.modules.serving), cap):
        objection = f"max_experts is {cap}"
    approval = Approval(expert, kind.id, changes, objection)
    return approval, _adopted(live, kind, router, tried[kind.id].heard)


def _asked(live: Live, kind: Kind, router: Router) -> dict[str, Tried]:
    """Every kind's judging queries, with the expert in its place."""
    name = router.experts[kind.id]
    candidate = live.expert(name)
    try:
        trial, overlay = trial_of(live), live.waiting.get(name)
        return {
            id_: trial.tried(router, one.questions.judging, {name: candidate}, overlay)
            for id_, one in live.modules.kinds.items()
        }
    finally:
        candidate.detach()


def _adopted(live: Live, kind: Kind, router: Router, heard: tuple[Heard, ...]) -> Modules:
    """The live modules with the expert serving its kind."""
    expert = router.experts[kind.id]
    served = replace(kind, expert=expert, candidate=None, taught=kind.tried)
    modules = replace(live.modules, kinds={**live.modules.kinds, kind.id: served}, router=router)
    lexical = live.library.lexical if live.settings.lexical else None
    return with_share(modules, kind.id, heard, lexical)
