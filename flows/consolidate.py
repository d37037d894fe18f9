"""Consolidation: the two experts whose kinds are nearest become one.

DAR (arXiv 2605.31229) merges the nearest experts for a query; here it is done once, for good, so
that growth has an end. A merger gains nothing, so it has to prove what it costs: both kinds lose
less than MAY_COST for sure, on everything that is known to be asked about them (also by what taught
the two, who know that best), and no other kind is harmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from flows.live import Live, open_live
from flows.membership import forget_departed, unused_expert
from flows.merger import Merger, merge, mergeable
from flows.modules import HEAD, ExpertFacts, Modules
from flows.publication import publish_modules
from flows.retire import told
from nightshift.errors import NothingToDo
from pipeline.experts.lora import LoraExpert
from pipeline.gains import Gains
from pipeline.gate import FEWEST_DOCUMENTS, FEWEST_QUERIES, Change, Verdict, harm
from pipeline.merging.nearest import nearest_pair
from state.store import Store

MAY_COST = 0.01
"""nDCG@10 that either kind may lose: the end of its 90 % interval must lie above."""


@dataclass(frozen=True)
class Consolidation:
    """Two experts and what one in their place changes; no version where they stayed."""

    experts: tuple[str, str]
    nearness: float
    into: str
    changes: Mapping[str, Change]
    parameters: tuple[int, int]
    objection: str | None
    version: int | None = None

    def as_json(self) -> dict[str, Any]:
        before, after = self.parameters
        return {
            **vars(self),
            "experts": list(self.experts),
            "changes": told(self.changes),
            "parameters": {"before": before, "after": after},
        }


def consolidate(store: Store, *, dry_run: bool = False) -> Consolidation:
    """Publish a version with the nearest pair merged, unless that costs too much."""
    if dry_run:
        with open_live(store) as live:
            proposed, merger = propose(live)
            merger.expert.detach()
            return proposed
    with store.writing(), open_live(store) as live:
        proposed, merger = propose(live)
        try:
            if proposed.objection:
                return proposed
            return replace(proposed, version=_publish(live, proposed, merger))
        finally:
            merger.expert.detach()


def propose(live: Live) -> tuple[Consolidation, Merger]:
    """The nearest pair, merged and measured."""
    forget_departed(live)
    pair = nearest_pair(mergeable(live))
    if pair is None:
        raise NothingToDo("there are no two experts that could be one", hint="nightshift experts")
    first, second, nearness = pair
    both, name = [live.modules.experts[one] for one in (first, second)], unused_expert(live.store)
    merger = merge(live, both, name)
    parameters = sum(facts.parameters for facts in both), merger.parameters
    objection = _objection(merger, live.settings.gate_tolerance)
    proposed = Consolidation((first, second), nearness, name, merger.changes, parameters, objection)
    return proposed, merger


def _objection(merger: Merger, tolerance: float) -> str | None:
    for kind, scores in merger.own.items():
        if len(scores) < FEWEST_QUERIES:
            return f"{len(scores)} queries about {kind} are too few to judge by"
        if scores.documents < FEWEST_DOCUMENTS:
            return f"queries about {scores.documents} documents of {kind} are too few to judge by"
        mean, low, _ = merger.changes[kind]
        if low < -MAY_COST:
            return f"{kind} would lose {-100 * mean:.1f} points, perhaps {-100 * low:.1f}"
    return harm(merger.changes, tolerance)


def _publish(live: Live, proposed: Consolidation, merger: Merger) -> int:
    first, second = proposed.experts
    done = replace(proposed, version=live.manifest.version + 1)
    return publish_modules(
        live,
        _adopted(live, proposed, merger),
        "consolidate",
        f"{first} and {second} became {proposed.into}",
        {"consolidate": done.as_json()},
        {proposed.into: merger.expert},
        {proposed.into: merger.overlay} if merger.overlay else {},
    )


def _adopted(live: Live, proposed: Consolidation, merger: Merger) -> Modules:
    """The live modules with the merged expert in them, serving the kinds of both."""
    modules, name = live.modules, proposed.into
    facts = _facts(live, proposed, merger)
    kinds = {
        id_: replace(kind, expert=name) if id_ in merger.own else kind
        for id_, kind in modules.kinds.items()
    }
    experts = {**modules.experts, name: facts}
    return replace(modules, kinds=kinds, experts=experts, router=merger.router)


def _facts(live: Live, proposed: Consolidation, merger: Merger) -> ExpertFacts:
    both = [live.modules.experts[one] for one in proposed.experts]
    own = sum(merger.own.values(), Gains.none())
    losses = {kind: proposed.changes[kind] for kind in merger.others}
    span = own.interval(0.90)
    return ExpertFacts(
        name=proposed.into,
        method=LoraExpert.method + (HEAD if merger.overlay else ""),
        kind=max(both, key=lambda one: one.queries).kind,
        parent="+".join(proposed.experts),
        born=live.manifest.version + 1,
        parameters=merger.parameters,
        queries=sum(one.queries for one in both),
        seconds=0.0,
        gate=Verdict(True, len(own), False, own.mean, span, losses, "").as_json(),
        scale=tuple(merger.overlay.scale) if merger.overlay else None,
    )
