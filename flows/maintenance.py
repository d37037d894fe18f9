"""What keeps a store small and sound: merge experts past the cap and segments, free what is old,
read every byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flows.clock import Run, plainly
from flows.compact import Compaction, compact
from flows.consolidate import Consolidation, consolidate
from flows.settings import Settings
from nightshift.errors import NothingToDo
from state.retention import NEWEST, Sweep, gc
from state.store import Store
from state.verify import Damage


@dataclass(frozen=True)
class Maintenance:
    """What each step did; None where there was nothing worth merging."""

    consolidation: Consolidation | None
    compaction: Compaction | None
    sweep: Sweep
    damage: tuple[Damage, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "consolidate": self.consolidation.as_json() if self.consolidation else None,
            "compact": self.compaction.as_json() if self.compaction else None,
            "gc": self.sweep.as_json(),
            "damage": [{**vars(d), "versions": list(d.versions)} for d in self.damage],
        }


def maintain(store: Store, keep: int = NEWEST, run: Run = plainly) -> Maintenance:
    """Consolidate if no expert more may live, compact, gc, verify; damage is told, not raised."""
    consolidation = run("consolidate", "", _consolidate_if_full, store)
    compaction = run("compact", "", _compact_if_needed, store)
    sweep = run("gc", "", gc, store, keep)
    return Maintenance(consolidation, compaction, sweep, tuple(run("verify", "", store.verify)))


def _consolidate_if_full(store: Store) -> Consolidation | None:
    facts = store.manifest().facts
    if len(facts["live_experts"]) < Settings.from_json(dict(facts["settings"])).max_experts:
        return None
    try:
        return consolidate(store)
    except NothingToDo:
        return None


def _compact_if_needed(store: Store) -> Compaction | None:
    try:
        return compact(store)
    except NothingToDo:
        return None
