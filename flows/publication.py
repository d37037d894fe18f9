"""The last step of a night: everything that was put into the store becomes one version."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version as installed
from pathlib import Path
from typing import Any

from flows.live import Live
from flows.modules import Modules, save_modules
from pipeline.encoder import Encoder
from pipeline.experts.base import Expert
from pipeline.overlay import Overlay
from state.manifest import Manifest
from state.store import Store

LIBRARIES = (
    "nightshift",
    "torch",
    "transformers",
    "peft",
    "scikit-learn",
    "faiss-cpu",
    "bm25s",
    "PyStemmer",
    "numpy",
)


def publish(
    store: Store,
    parent: Manifest | None,
    *,
    kind: str,
    reason: str,
    encoder: Mapping[str, Any],
    index: Mapping[str, str],
    modules: Mapping[str, str],
    facts: Mapping[str, Any],
) -> Manifest:
    """Publish the next version; the caller holds the store's lock."""
    store.publish(
        Manifest(
            version=parent.version + 1 if parent else 1,
            parent=parent.version if parent else None,
            time=datetime.now(UTC).isoformat(timespec="seconds"),
            kind=kind,
            reason=reason,
            encoder=encoder,
            index=index,
            modules=modules,
            facts=facts,
        )
    )
    return store.manifest()


def publish_modules(
    live: Live,
    modules: Modules,
    kind: str,
    reason: str,
    facts: Mapping[str, Any],
    weights: Mapping[str, Expert] | None = None,
    overlays: Mapping[str, Overlay] | None = None,
) -> int:
    """A version with the live documents and other modules; `weights` and `overlays` are new ones.

    The caller holds the store's lock.
    """
    published = publish(
        live.store,
        live.manifest,
        kind=kind,
        reason=reason,
        encoder=live.manifest.encoder,
        index=live.manifest.index,
        modules=save_modules(live.store, modules, live.modules, weights or {}, overlays),
        facts={**quiet_facts(live.manifest), **size_facts(modules, len(live.library)), **facts},
    )
    return published.version


def size_facts(modules: Modules, documents: int) -> dict[str, Any]:
    """How large a version is: what `history` draws over time."""
    live = modules.serving
    return {
        "live_documents": documents,
        "live_experts": live,
        "expert_parameters": sum(modules.experts[name].parameters for name in live),
        "kinds": {id_: kind.name for id_, kind in modules.kinds.items()},
        "waiting": len(modules.pool.keys),
        "candidates": sorted(modules.waiting),
    }


def quiet_facts(before: Manifest) -> dict[str, Any]:
    """The facts of a version that took in nothing and learned nothing, after `before`."""
    size = ("live_documents", "live_experts", "expert_parameters", "kinds", "waiting")
    return {
        "batches": [],
        "outcomes": [],
        "documents": dict.fromkeys(before.facts["documents"], 0),
        "encoded": 0,
        "seconds": {},
        **{name: before.facts[name] for name in ("settings", "libraries", *size)},
        "candidates": before.facts.get("candidates", []),
    }


def library_facts() -> dict[str, str]:
    return {name: installed(name) for name in LIBRARIES}


def encoder_facts(encoder: Encoder, source: str | None) -> dict[str, Any]:
    """`source` is what the encoder was asked for by; a folder's name is made to mean the same from
    everywhere, a hub id the same files for ever.
    """
    lasting = str(Path(source).resolve()) if source and Path(source).is_dir() else source
    if encoder.checkpoint.commit:
        lasting = f"{encoder.checkpoint.name}@{encoder.checkpoint.commit}"
    return {
        "name": encoder.checkpoint.name,
        "source": lasting,
        "fingerprint": encoder.fingerprint,
        "parameters": encoder.parameter_count,
        "dimension": encoder.dimension,
    }
