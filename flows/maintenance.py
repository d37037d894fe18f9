"""What keeps a store small and sound: merge segments, free what is old, read every byte."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flows.clock import Run, plainly
from flows.compact import Compaction, compact
from nightshift.errors import NothingToDo
from state.retention import NEWEST, Sweep, gc
from state.store import Store
from state.verify import Damage


@dataclass(frozen=True)
class Maintenance:
    """What each step did; `compaction` is None where no segments were worth merging."""

    compaction: Compaction | None
    sweep: Sweep
    damage: tuple[Damage, ...]

    def as_json(self) -> dict[str, Any]:
        return {
            "compact": self.compaction.as_json() if self.compaction else None,
            "gc": self.sweep.as_json(),
            "damage": [{**vars(d), "versions": list(d.versions)} for d in self.damage],
        }


def maintain(store: Store, keep: int = NEWEST, run: Run = plainly) -> Maintenance:
    """Compact, then gc, then verify; damage is told, not raised."""
    compaction = run("compact", "", _compact_if_needed, store)
    sweep = run("gc", "", gc, store, keep)
    return Maintenance(compaction, sweep, tuple(run("verify", "", store.verify)))


def _compact_if_needed(store: Store) -> Compaction | None:
    try:
        return compact(store)
    except NothingToDo:
        return None
