"""Which batches had their say, read off history and off what was met without a version.

A manifest's `facts["batches"]` lists what it took in, as `{"batch": name, "digest": hex, "source":
name}`; what made no version is told by `state/met.py`. A rollback's `facts["rollback"]` is `{"to":
version, "documents": bool}`: with documents it has exactly the batches of that version, so what
came after is withdrawn until it is taken again or a later rollback brings it back; without,
documents stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Self

from state import met
from state.manifest import Manifest
from state.store import Store

Name = tuple[str | None, str]
"""A delivery's source and what it is called: a folder keeps its name when its content changes."""
NONE: Mapping[int, met.Batches] = {}


@dataclass(frozen=True)
class Entry:
    """A batch that `version` took, or that was met under it; withdrawn if it is not live now."""

    version: int
    name: str
    withdrawn: bool


@dataclass(frozen=True)
class Ledger:
    """`entries` tell of each batch, by its digest, the taking that is live, else the last one.

    `first` is the version by which a digest was known; `latest` is the digest that came last under
    a name, of those that are live.

    >>> night = Manifest(1, None, "", "init", "", {}, {}, {}, {"batches": [
    ...     {"batch": "monday", "digest": "d1", "source": "wiki"}]})
    >>> ledger = Ledger.of([night])
    >>> ledger.entries
    {'d1': Entry(version=1, name='monday', withdrawn=False)}
    >>> ledger.first, ledger.latest
    ({'d1': 1}, {('wiki', 'monday'): 'd1'})
    """

    entries: Mapping[str, Entry]
    first: Mapping[str, int]
    latest: Mapping[Name, str]

    @classmethod
    def read(cls, store: Store) -> Self:
        return cls.of(store.history(), met.read(store.root))

    @classmethod
    def of(cls, history: Sequence[Manifest], beside: Mapping[int, met.Batches] = NONE) -> Self:
        """`history` is `Store.history()`, `beside` what was met without a version."""
        by_version = {manifest.version: manifest for manifest in history}
        entries: dict[str, Entry] = {}
        first: dict[str, int] = {}
        latest: dict[Name, str] = {}
        for version in sorted(by_version.keys() | beside.keys()):
            for batch in _said(version, by_version, beside):
                entries[batch["digest"]] = Entry(version, batch["batch"], withdrawn=True)
                first.setdefault(batch["digest"], version)
        for version in reversed(list(_line(history, by_version))):
            for batch in _said(version, by_version, beside):
                entries[batch["digest"]] = Entry(version, batch["batch"], withdrawn=False)
                latest[batch.get("source"), batch["batch"]] = batch["digest"]
        return cls(entries, first, latest)


def _said(
    version: int, by_version: Mapping[int, Manifest], beside: Mapping[int, met.Batches]
) -> list[Mapping[str, Any]]:
    manifest = by_version.get(version)
    taken = manifest.facts.get("batches", ()) if manifest else ()
    return [*taken, *beside.get(version, ())]


def _line(history: Sequence[Manifest], by_version: Mapping[int, Manifest]) -> Iterator[int]:
    """The versions whose batches are live, newest first."""
    version = history[-1].version if history else None
    while version:
        yield version
        manifest = by_version.get(version)
        rollback = manifest.facts.get("rollback") if manifest else None
        if rollback is not None and rollback["documents"]:
            version = rollback["to"]
        else:
            version = manifest.parent if manifest else version - 1
