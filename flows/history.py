"""What is told of versions: a row for each, and everything about one."""

from __future__ import annotations

from typing import Any

from flows.page import said
from state.manifest import Manifest
from state.pins import pinned
from state.store import Store


def history(store: Store) -> list[dict[str, Any]]:
    """A row for every version, oldest first."""
    versions, pins = store.history(), pinned(store)
    live = versions[-1].version
    return [_row(m, m.version == live, pins.get(m.version)) for m in versions]


def version_page(store: Store, version: int) -> dict[str, Any]:
    """The row of a version, its facts, and what it is made of."""
    manifest = store.remembered(version)
    return {
        **_row(manifest, version == store.head().version, pinned(store).get(version)),
        "encoder": dict(manifest.encoder),
        "facts": dict(manifest.facts),
        "index": dict(manifest.index),
        "modules": dict(manifest.modules),
    }


def _row(manifest: Manifest, live: bool, pinned: str | None) -> dict[str, Any]:
    facts = manifest.facts
    return {
        "version": manifest.version,
        "parent": manifest.parent,
        "time": manifest.time,
        "kind": manifest.kind,
        "shift": facts.get("shift"),
        "outcomes": facts["outcomes"],
        "documents": facts["live_documents"],
        "experts": len(facts["live_experts"]),
        "expert_parameters": facts["expert_parameters"],
        "reason": said(manifest),
        "seconds": facts["seconds"],
        "live": live,
        "pinned": pinned,
    }
