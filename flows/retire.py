"""Retiring an expert: the kinds it served go back to the frozen encoder.

The documents stay, and so does the expert in every version that had it: a rollback brings it back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flows.live import Live, open_live
from flows.membership import forget_departed
from flows.modules import Modules
from flows.publication import publish_modules
from flows.shares import with_frozen_shares
from nightshift.errors import UsageError
from pipeline.gate import Change, measured
from pipeline.progress import silent
from pipeline.router import Router
from pipeline.trial import Trial
from state.store import Store


@dataclass(frozen=True)
class Retirement:
    """What it changes for each kind, on queries that never taught; no version for a dry run."""

    version: int | None
    expert: str
    serves: tuple[str, ...]
    changes: Mapping[str, Change]

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "serves": list(self.serves), "changes": told(self.changes)}


def retire(store: Store, expert: str, reason: str, *, dry_run: bool = False) -> Retirement:
    """Publish a version in which nobody is served by `expert`."""
    if dry_run:
        with open_live(store) as live:
            return _measured(live, expert)
    with store.writing(), open_live(store) as live:
        plan = _measured(live, expert)
        facts = {"retire": {"expert": expert, "changes": told(plan.changes)}}
        version = publish_modules(live, without(live, expert), "retire", reason, facts)
        return replace(plan, version=version)


def without(live: Live, expert: str) -> Modules:
    """The live modules, with the expert's kinds served by the frozen encoder."""
    modules = live.modules
    kinds = {
        id_: replace(kind, expert=None, taught=0) if kind.expert == expert else kind
        for id_, kind in modules.kinds.items()
    }
    modules = replace(modules, kinds=kinds, router=_without(modules.router, expert))
    lexical = live.library.lexical if live.settings.lexical else None
    return with_frozen_shares(modules, live.library, live.index, lexical)


def changes(live: Live, trial: Trial, router: Router) -> dict[str, Change]:
    """What another router of the live experts changes for every kind, on the judging queries."""
    asked = {id_: kind.questions.judging for id_, kind in live.modules.kinds.items()}
    return measured({id_: trial.gain(router, some) for id_, some in asked.items() if len(some)})


def told(changes: Mapping[str, Change]) -> dict[str, list[float]]:
    return {kind: list(change) for kind, change in changes.items()}


def trial_of(live: Live) -> Trial:
    """The live version, as others are measured against it."""
    return Trial(live.retriever, live.library, {}, 0.0, live.settings.seed, progress=silent)


def _measured(live: Live, expert: str) -> Retirement:
    forget_departed(live)
    serving = live.modules.serving
    if expert not in serving:
        there = ", ".join(serving) or "none"
        raise UsageError(
            f"no kind is served by {expert!r}; experts that serve: {there}",
            hint="nightshift experts",
        )
    router = live.modules.router
    serves = tuple(kind for kind, name in router.experts.items() if name == expert)
    return Retirement(None, expert, serves, changes(live, trial_of(live), _without(router, expert)))


def _without(router: Router, expert: str) -> Router:
    left = {kind: name for kind, name in router.experts.items() if name != expert}
    return replace(router, experts=left)
