"""Which batches were taken, read off history; it is derived and never stored.

A manifest's `facts["batches"]` lists what it took in, as `{"batch": name, "digest": hex}`. A
rollback's `facts["rollback"]` is `{"to": version, "documents": bool}`: with documents it has
exactly the batches of that version, so what came after is withdrawn until it is taken again or a
later rollback brings it back; without, documents stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from state.manifest import Manifest


@dataclass(frozen=True)
class Entry:
    """A batch that was taken by `version` under that name; withdrawn if it is not live now."""

    version: int
    name: str
    withdrawn: bool


def taken(history: Sequence[Manifest]) -> dict[str, Entry]:
    """Every batch ever taken, by its digest; `history` is `Store.history()`.

    The entry tells of the taking that is live, else of the last one.

    >>> night = Manifest(1, None, "", "init", "", {}, {}, {}, {"batches": [
    ...     {"batch": "monday", "digest": "d1"}]})
    >>> taken([night])
    {'d1': Entry(version=1, name='monday', withdrawn=False)}
    """
    entries: dict[str, Entry] = {}
    for manifest in history:
        entries.update(_own(manifest, withdrawn=True))
    for manifest in reversed(list(_line(history))):
        entries.update(_own(manifest, withdrawn=False))
    return entries


def _line(history: Sequence[Manifest]) -> Iterator[Manifest]:
    """The versions whose documents are live, newest first."""
    by_version = {manifest.version: manifest for manifest in history}
    version = history[-1].version if history else None
    while version is not None:
        manifest = by_version[version]
        rollback = manifest.facts.get("rollback")
        if rollback is not None and rollback["documents"]:
            version = rollback["to"]
        else:
            yield manifest
            version = manifest.parent


def _own(manifest: Manifest, *, withdrawn: bool) -> dict[str, Entry]:
    batches = manifest.facts.get("batches", ())
    return {b["digest"]: Entry(manifest.version, b["batch"], withdrawn) for b in batches}
