"""gc: old versions give up their objects; their manifests and the log stay.

What is given up is written down before anything is deleted, so a kill leaves objects too many and
never a version that looks damaged; the next gc takes them.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from nightshift.errors import UsageError
from state import collected, leases
from state.manifest import Manifest
from state.pins import pinned
from state.store import Store

NEWEST = 30
CACHE = "cache"


@dataclass(frozen=True)
class Sweep:
    """What a gc gives up: the objects of `versions` that no other version needs, and strays."""

    versions: tuple[int, ...]
    kept: tuple[int, ...]
    objects: tuple[str, ...]
    cached: tuple[Path, ...]
    freed: int
    left: int
    unreadable: tuple[int, ...]
    """Kept versions of which nobody knows what they need: what no other names stays for them."""

    def as_json(self) -> dict[str, Any]:
        return {
            "collected": list(self.versions),
            "kept": list(self.kept),
            "objects": len(self.objects),
            "bytes_freed": self.freed,
            "bytes_kept": self.left,
            "unreadable": list(self.unreadable),
        }


def gc(store: Store, keep: int = NEWEST, *, dry_run: bool = False) -> Sweep:
    """Keep all objects of the newest `keep` versions, of pinned ones, and of those being read."""
    if keep < 1:
        raise UsageError("gc keeps at least one version", hint="nightshift gc --keep 1")
    if dry_run:
        return _plan(store, keep, leases.held(store.root))
    with store.writing():
        with leases.closed(store.root) as read:
            sweep = _plan(store, keep, read)
            drop_strays(store)
            give_up(store, sweep)
        sweep_away(store, sweep)
    return sweep


def drop_strays(store: Store) -> None:
    """Delete what no version needs, before anything is written: a full disk has a way out."""
    for object_id in _besides(store, store.standing(), store.unreadable()):
        store.objects.drop(object_id)


def give_up(store: Store, sweep: Sweep) -> None:
    """From here on these versions cannot be opened."""
    if sweep.versions:
        collected.add(store.root, sweep.versions)


def sweep_away(store: Store, sweep: Sweep) -> None:
    for path in sweep.cached:
        path.unlink(missing_ok=True)
    for object_id in sweep.objects:
        store.objects.drop(object_id)


def _plan(store: Store, keep: int, read: frozenset[int]) -> Sweep:
    newest = store.head().version - keep
    wanted = read | pinned(store).keys()
    standing, unreadable = store.standing(), store.unreadable()
    kept = [m for m in standing if m.version > newest or m.version in wanted]
    blind = tuple(v for v in unreadable if v > newest or v in wanted)
    staying = {*(manifest.version for manifest in kept), *blind}
    named = {object_id for manifest in kept for object_id in manifest.objects}
    unneeded = _besides(store, kept, blind)
    cached = [path for path in (store.root / CACHE).glob("*.faiss") if path.name[:64] not in named]
    dropped = sum(map(store.objects.size, unneeded))
    return Sweep(
        tuple(sorted({*(m.version for m in standing), *unreadable} - staying)),
        tuple(sorted(staying)),
        tuple(unneeded),
        tuple(cached),
        dropped + sum(path.stat().st_size for path in cached),
        sum(map(store.objects.size, store.objects.all_ids())) - dropped,
        blind,
    )


def _besides(store: Store, kept: Iterable[Manifest], blind: Sequence[int]) -> list[str]:
    """The objects on the disk that none of these versions needs.

    What no manifest names may be what a `blind` one does: nobody can read it.
    """
    needed = _places(store, kept)
    named = set(store.objects.all_ids()) if not blind else _places(store, store.history())
    return sorted(id_ for id_ in store.objects.all_ids() if id_ in named and id_ not in needed)


def _places(store: Store, manifests: Iterable[Manifest]) -> set[str]:
    return {store.objects.place(id_) for manifest in manifests for id_ in manifest.objects}
