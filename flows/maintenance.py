"""What keeps a store small and sound: teach whom no night would, merge experts past the cap and
segments, free what is old, read every byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flows.clock import Run, plainly
from flows.compact import Compaction, compact
from flows.consolidate import Consolidation, consolidate
from flows.live import open_live
from flows.settings import Settings
from flows.teaching import Teaching, never_tried, teach
from nightshift.errors import NothingToDo
from pipeline.encoder import Encoder
from state.retention import NEWEST, Sweep, gc
from state.store import Store
from state.verify import Damage


@dataclass(frozen=True)
class Maintenance:
    """What each step did; None where there was nobody to teach and nothing worth merging."""

    teaching: Teaching | None
    consolidation: Consolidation | None
    compaction: Compaction | None
    sweep: Sweep
    damage: tuple[Damage, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "teach": self.teaching.as_json() if self.teaching else None,
            "consolidate": self.consolidation.as_json() if self.consolidation else None,
            "compact": self.compaction.as_json() if self.compaction else None,
            "gc": self.sweep.as_json(),
            "damage": [{**vars(d), "versions": list(d.versions)} for d in self.damage],
        }


def maintain(
    store: Store,
    keep: int = NEWEST,
    run: Run = plainly,
    *,
    settings: Settings | None = None,
    loaded: Encoder | None = None,
) -> Maintenance:
    """Consolidate if no expert more may live, teach if one may, compact, gc, verify; what is
    damaged is told, not raised. Without settings those of the live version count.
    """
    consolidation = run("consolidate", "", _consolidate_if_full, store, settings)
    teaching = run("teach", "", _teach_the_most_asked, store, settings, loaded)
    compaction = run("compact", "", _compact_if_needed, store)
    sweep = run("gc", "", gc, store, keep)
    damage = tuple(run("verify", "", store.verify))
    return Maintenance(teaching, consolidation, compaction, sweep, damage)


def _teach_the_most_asked(
    store: Store, settings: Settings | None, loaded: Encoder | None
) -> Teaching | None:
    if _is_full(store, settings):
        return None
    with open_live(store, encoder=loaded) as live:
        kind = never_tried(live.modules)
    return teach(store, kind.id, settings=settings, loaded=loaded) if kind else None


def _consolidate_if_full(store: Store, settings: Settings | None) -> Consolidation | None:
    if not _is_full(store, settings):
        return None
    try:
        return consolidate(store)
    except NothingToDo:
        return None


def _is_full(store: Store, settings: Settings | None) -> bool:
    facts = store.manifest().facts
    cap = (settings or Settings.from_json(dict(facts["settings"]))).max_experts
    return len(facts["live_experts"]) >= cap


def _compact_if_needed(store: Store) -> Compaction | None:
    try:
        return compact(store)
    except NothingToDo:
        return None
