"""Taking back: a new version with an old version's modules, or with everything it had."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from flows.live import read_library
from flows.modules import Modules, load_modules
from flows.publication import publish, size_facts
from nightshift.errors import EncoderMismatch, UsageError
from state.manifest import Manifest
from state.store import Store

SEARCHED = ("lexical", "index")
"""Settings that shape answers and are no part of the modules."""


@dataclass(frozen=True)
class Rollback:
    """What a rollback changes; `version` is None for a dry run."""

    version: int | None
    to: int
    documents: bool
    experts: tuple[list[str], list[str]]
    live_documents: tuple[int, int]

    def as_json(self) -> dict[str, Any]:
        return {
            "version": self.version,
            "to": self.to,
            "documents": self.documents,
            "experts": {"before": self.experts[0], "after": self.experts[1]},
            "live_documents": {"before": self.live_documents[0], "after": self.live_documents[1]},
        }


def rollback(
    store: Store, to: int | None, reason: str, *, documents: bool = False, dry_run: bool = False
) -> Rollback:
    """Publish a version with the modules of `to` (default: the version before the live one)."""
    if dry_run:
        return _plan(store, store.manifest(), _target(store, to, documents), documents)
    with store.writing():
        live = store.manifest()
        target = _target(store, to, documents)
        plan = _plan(store, live, target, documents)
        kept = target if documents else live
        facts = {
            "rollback": {"to": target.version, "documents": documents},
            "batches": [],
            "outcomes": [],
            "documents": dict.fromkeys(live.facts["documents"], 0),
            "encoded": 0,
            "seconds": {},
            "settings": _settings(live, target, documents),
            "libraries": live.facts["libraries"],
            **size_facts(_modules(store, target), plan.live_documents[1]),
        }
        published = publish(
            store,
            live,
            kind="rollback",
            reason=reason,
            encoder=kept.encoder,
            index=kept.index,
            modules=target.modules,
            facts=facts,
        )
        return Rollback(
            published.version, plan.to, plan.documents, plan.experts, plan.live_documents
        )


def _target(store: Store, to: int | None, documents: bool) -> Manifest:
    live = store.manifest()
    if to is None and live.parent is None:
        raise UsageError("version 1 has no version before it", hint="nightshift history")
    target = store.manifest(live.parent if to is None else to)
    if target.version == live.version:
        raise UsageError(f"version {target.version} is the live one", hint="nightshift history")
    same = target.encoder["fingerprint"] == live.encoder["fingerprint"]
    if not same and not documents:
        raise EncoderMismatch(
            f"version {target.version} was made with another encoder than version {live.version}: "
            "its modules need its vectors",
            hint=f"nightshift rollback {target.version} --documents --reason WHY",
        )
    return target


def _plan(store: Store, live: Manifest, target: Manifest, documents: bool) -> Rollback:
    now = len(read_library(store, live.index))
    then = len(read_library(store, target.index)) if documents else now
    experts = (live.facts["live_experts"], target.facts["live_experts"])
    return Rollback(None, target.version, documents, experts, (now, then))


def _settings(live: Manifest, target: Manifest, documents: bool) -> dict[str, Any]:
    """Those of the live version; with the documents comes back how they were searched."""
    before = target.facts["settings"]
    searched = {name: before[name] for name in SEARCHED if documents and name in before}
    return {**live.facts["settings"], **searched}


def _modules(store: Store, target: Manifest) -> Modules:
    return load_modules(store, target.modules)
