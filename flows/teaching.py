"""Teaching: an expert is tried for a kind as on a night of its own that brings no documents.

Nights try experts for kinds that are new or have grown. A kind of the first corpus is neither, and
may still have been asked about a great deal since: by pairs that came with it, or by clicks.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from flows.adoption import Growth
from flows.clock import Clock
from flows.encoding import Encoding
from flows.growth import grow_kind
from flows.live import Live, open_live
from flows.membership import Grounds, forget_departed
from flows.modules import Kind, Modules
from flows.night import refuse_another_form
from flows.outcome import Outcome
from flows.publication import publish_modules
from flows.settings import Settings
from nightshift.errors import UsageError
from pipeline.documents import REAL
from pipeline.encoder import Encoder
from pipeline.progress import Progress, silent
from state.store import Store

ENOUGH_ASKED = 100
"""Real queries that may teach, for a kind that nobody tried an expert for: as many as documents
are needed of a new one."""


@dataclass(frozen=True)
class Teaching:
    """What came of it, as a version."""

    version: int
    kind: str
    outcome: Outcome
    seconds: dict[str, float] = field(default_factory=dict)

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "outcome": self.outcome.as_json()}


def teach(
    store: Store,
    kind: str,
    *,
    settings: Settings | None = None,
    loaded: Encoder | None = None,
    progress: Progress = silent,
) -> Teaching:
    """Try a new expert for the kind, or a revision of the one it has; publish what came of it."""
    with store.writing(), open_live(store, encoder=loaded, settings=settings) as live:
        refuse_another_form(live)
        forget_departed(live)
        clock = Clock()
        training_seconds: list[float] = []
        wanted = kind_called(live.modules, kind)
        with clock("gate"):
            growth = grow_kind(_grounds(live, training_seconds, progress), wanted)
        clock.move("gate", "train", sum(training_seconds))
        return _publish(live, wanted.id, growth, clock.seconds)


def kind_called(modules: Modules, name: str) -> Kind:
    """The kind of that id or name."""
    if name in modules.kinds:
        return modules.kinds[name]
    named = [kind for kind in modules.kinds.values() if kind.name == name]
    if len(named) != 1:
        there = ", ".join(f"{kind.id} {kind.name}" for kind in modules.kinds.values())
        raise UsageError(
            f"no kind is called {name!r}; there are: {there}", hint="nightshift experts"
        )
    return named[0]


def never_tried(modules: Modules) -> Kind | None:
    """Of the kinds that people ask about and nobody tried an expert for, the most asked."""
    asked = {
        kind.id: len(kind.questions.teaching.where(lambda pair: pair.origin == REAL).answers)
        for kind in modules.kinds.values()
        if kind.expert is None and kind.candidate is None and kind.asked is None
    }
    most = max(asked, key=lambda id_: asked[id_], default=None)
    return modules.kinds[most] if most and asked[most] >= ENOUGH_ASKED else None


def _grounds(live: Live, training_seconds: list[float], progress: Progress) -> Grounds:
    """A night without documents."""
    dimension = live.encoder.dimension
    nothing = np.empty((0, len(live.modules.layers), dimension), np.float16)
    history = live.store.history()
    return Grounds(
        live=live,
        documents=(),
        encoding=Encoding(nothing, np.empty(0, np.uint64), 0),
        library=live.library,
        index=live.index,
        version=live.manifest.version + 1,
        names=frozenset(name for manifest in history for name in manifest.modules),
        minutes=live.settings.train_minutes,
        progress=progress,
        pool=live.modules.pool,
        training_seconds=training_seconds,
    )


def _publish(live: Live, kind: str, growth: Growth, seconds: dict[str, float]) -> Teaching:
    [outcome] = growth.outcomes
    facts = {
        "outcomes": [outcome.as_json()],
        "reencoded": growth.reencoded,
        "seconds": seconds,
        "settings": live.settings.as_json(),
    }
    reason = f"{outcome.outcome} {outcome.kind}"
    version = publish_modules(
        live, growth.modules, "teach", reason, facts, growth.new, growth.overlays
    )
    for expert in growth.new.values():
        expert.detach()
    return Teaching(version, kind, outcome, seconds)
