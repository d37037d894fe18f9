"""Two experts as one, and what that changes: not yet live.

Updates are merged in core space, by how many queries each expert has learned from; heads stand side
by side. Nothing is taught and nothing is encoded.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from flows.live import Live
from flows.modules import HEAD, ExpertFacts
from flows.retire import trial_of
from pipeline.documents import SPAN
from pipeline.encoder import Vectors
from pipeline.experts.base import Expert
from pipeline.experts.lora import LoraExpert
from pipeline.gains import Gains
from pipeline.gate import Change, measured
from pipeline.head import Head
from pipeline.merging.base import merged
from pipeline.merging.methods import MERGINGS
from pipeline.overlay import AS_IS, Overlay, lay_by
from pipeline.router import Router

CORE = MERGINGS["core"]


@dataclass(frozen=True)
class Merger:
    """One expert in the place of two."""

    expert: Expert
    overlay: Overlay | None
    router: Router
    own: Mapping[str, Gains] = field(default_factory=dict)
    """Differences for the kinds of both, on everything that is known to be asked about them."""
    others: Mapping[str, Gains] = field(default_factory=dict)
    """Differences for all other kinds, on queries that never taught."""

    @property
    def parameters(self) -> int:
        head = self.overlay.head if self.overlay else None
        return self.expert.parameter_count + (head.parameter_count if head else 0)

    @property
    def changes(self) -> dict[str, Change]:
        return measured({**self.others, **self.own})


def mergeable(live: Live) -> dict[str, Vectors]:
    """The centroids of all live experts that can be merged: LoRA of one shape, which has encoded
    no documents.
    """
    points: dict[str, list[Vectors]] = {}
    for kind, name in live.modules.router.experts.items():
        if live.modules.experts[name].method.removesuffix(HEAD) == LoraExpert.method:
            points.setdefault(name, []).append(live.modules.router.prototypes[kind])
    size = {name: live.experts[name].parameter_count for name in points}
    usual = Counter(size.values()).most_common(1)
    return {
        name: np.concatenate(some) for name, some in points.items() if size[name] == usual[0][0]
    }


def merge(live: Live, both: Sequence[ExpertFacts], name: str) -> Merger:
    """The experts as one of that name, its head if one of them has one, and the way to it."""
    learned = np.array([max(1, facts.queries) for facts in both], float)
    shares = dict(zip((facts.name for facts in both), learned / learned.sum(), strict=True))
    states = [live.experts[one].state() for one in shares]
    shape = live.store.objects.open(live.modules.stored[f"expert/{both[0].name}"])
    expert = LoraExpert.load(live.encoder, name, shape)
    expert.restore(merged(states, list(shares.values()), CORE))
    router = live.modules.router
    served = {kind: name if one in shares else one for kind, one in router.experts.items()}
    overlay = _side_by_side(live, shares)
    return _measured(live, Merger(expert, overlay, replace(router, experts=served)))


def _side_by_side(live: Live, shares: Mapping[str, float]) -> Overlay | None:
    """The documents of both as the weighted sum of both heads sees them."""
    laid = {name: live.overlays[name] for name in shares if name in live.overlays}
    heads = {name: overlay.head for name, overlay in laid.items() if overlay.head is not None}
    if not heads:
        return None
    head = Head.side_by_side(list(heads.values()), [shares[name] for name in heads])
    keys = {key for overlay in laid.values() for part in overlay.parts for key in part.keys}
    return Overlay((lay_by(head, live.library, keys),), AS_IS, head)


def _measured(live: Live, merger: Merger) -> Merger:
    """What the merger changes, kind by kind."""
    trial, fresh = trial_of(live), {merger.expert.name: merger.expert}
    own, others = {}, {}
    for id_, kind in live.modules.kinds.items():
        if merger.router.experts.get(id_) == merger.expert.name:
            asked = kind.questions.where(lambda pair: pair.origin != SPAN).real_if_enough()
            own[id_] = trial.gain(merger.router, asked, fresh, merger.overlay)
        elif len(kind.questions.judging):
            others[id_] = trial.gain(merger.router, kind.questions.judging, fresh, merger.overlay)
    return replace(merger, own=own, others=others)
