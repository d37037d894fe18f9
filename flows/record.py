"""A version as MLflow is told about it: figures, tags, pictures and plain files.

No text, no query and no document's name is in it, so a purge has nothing to take back there:
modules that hold such things (the questions, the pool) stay in the store, quarantined lines are
counted and not quoted, and batches are named by their digests and folders.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from flows import plots, report
from flows.layout import OVERLAY, read_registry
from flows.page import decision, headline, kind_of, reason
from flows.servable import servable
from state.manifest import Manifest, digest
from state.record import Dataset, Record
from state.store import Store

TABLES = "tables/"
PRIVATE = ("questions", "pool", OVERLAY.rstrip("/"))
"""Modules with texts or names of documents in them."""
USUAL_FOLDER = "store"


def record_of(store: Store, manifest: Manifest) -> Record:
    """Everything that MLflow is told about one version; the same version is the same record."""
    facts = manifest.facts
    history = store.history()
    key = key_of(manifest)
    spent, tables = sum(facts.get("seconds", {}).values()), _tables(manifest)
    record = Record(
        name=headline(manifest),
        key=key,
        store=store.key(),
        version=manifest.version,
        milliseconds=round(datetime.fromisoformat(manifest.time).timestamp() * 1000),
        took=round(1000 * spent),
        model=model_name(store.root),
        parameters=_parameters(manifest),
        metrics={**_sizes(facts), **_layers(facts), **_gates(facts)},
        tags={**_tags(manifest), **_shown(tables)},
        datasets=_datasets(facts),
        files={
            "decision.md": decision(manifest).encode(),
            **_plots([one for one in history if one.version <= manifest.version]),
            **tables,
            **module_files(store, manifest),
            **servable(store.root, manifest, key),
        },
        aliases=_aliases(history) if manifest.version == history[-1].version else {},
    )
    children = tuple(_children(store, manifest, record))
    return Record(**{**vars(record), "children": children})


def key_of(manifest: Manifest) -> str:
    """The manifest's digest: what HEAD, the log and the next manifest call it."""
    return digest(manifest.to_bytes())


def module_files(store: Store, manifest: Manifest) -> dict[str, Path]:
    """The files of the module set by path, without those that hold texts or names of documents.

    What is no longer in the store is left out: an old version may have been cleared away.
    """
    return {
        f"modules/{name}/{file.name}": file
        for name, object_id in sorted(manifest.modules.items())
        if not set(name.split("/")) & set(PRIVATE) and object_id in store.objects
        for file in sorted(store.objects.open(object_id).iterdir())
    }


def model_name(root: Path) -> str:
    name = root.resolve().name
    return "nightshift" if name == USUAL_FOLDER else name


def _aliases(history: list[Manifest]) -> dict[str, str]:
    names = zip(("champion", "previous"), reversed(history), strict=False)
    return {name: key_of(manifest) for name, manifest in names}


def _parameters(manifest: Manifest) -> dict[str, str]:
    facts, encoder = manifest.facts, manifest.encoder
    named = {
        "encoder": encoder.get("name"),
        "encoder_fingerprint": encoder.get("fingerprint"),
        "encoder_parameters": encoder.get("parameters"),
        **{f"settings/{name}": value for name, value in facts.get("settings", {}).items()},
        **{f"library/{name}": value for name, value in facts.get("libraries", {}).items()},
    }
    batches = facts.get("batches", [])
    if batches:
        named["batch"] = ", ".join(batch["batch"] for batch in batches)
        named["batch_digest"] = ", ".join(batch["digest"] for batch in batches)
    if "rollback" in facts:
        named["rollback/to"] = facts["rollback"]["to"]
        named["rollback/documents"] = facts["rollback"]["documents"]
    return {name: str(value) for name, value in named.items() if value is not None}


def _tags(manifest: Manifest) -> dict[str, str]:
    outcomes = sorted({each["outcome"] for each in manifest.facts.get("outcomes", [])})
    return {
        "nightshift.kind": manifest.kind,
        "nightshift.reason": reason(manifest),
        "nightshift.outcomes": ", ".join(outcomes) or "-",
        "mlflow.note.content": decision(manifest),
    }


def _datasets(facts: Mapping[str, Any]) -> tuple[Dataset, ...]:
    return tuple(
        Dataset(batch["batch"], batch["digest"], json.dumps({"digest": batch["digest"]}))
        for batch in facts.get("batches", [])
    )


def _sizes(facts: Mapping[str, Any]) -> dict[str, float]:
    sizes = {
        "documents": facts.get("live_documents"),
        "experts": len(facts.get("live_experts", [])),
        "expert_parameters": facts.get("expert_parameters"),
        "kinds": len(facts.get("kinds", {})),
        "waiting": facts.get("waiting"),
        "encoded": facts.get("encoded"),
        **{f"batch/{what}": count for what, count in facts.get("documents", {}).items()},
        **{f"seconds/{step}": took for step, took in facts.get("seconds", {}).items()},
    }
    return {name: float(value) for name, value in sizes.items() if value is not None}


def _layers(facts: Mapping[str, Any]) -> dict[str, float]:
    """What the layers saw: `layers/beyond_95`, the same for each kind, `layers/drift/4`."""
    seen = facts.get("detection", {})
    shares = seen.get("shares", {})
    levels = [f"beyond_{round(100 * float(level))}" for level in shares]
    figures = dict(zip((f"layers/{level}" for level in levels), shares.values(), strict=True))
    for kind, per_level in seen.get("kinds", {}).items():
        for level, share in zip(levels, per_level, strict=True):
            figures[f"layers/{kind}/{level}"] = share
    for layer, share in zip(seen.get("layers", []), seen.get("drift", []), strict=False):
        figures[f"layers/drift/{layer}"] = share
    for layer, auroc in enumerate(seen.get("auroc", [])):
        figures[f"layers/auroc/{layer}"] = auroc
    if "p_value" in seen:
        figures["layers/p_value"] = seen["p_value"]
        figures["layers/new"] = seen["new"]
    return {name: float(value) for name, value in figures.items()}


def _gates(facts: Mapping[str, Any]) -> dict[str, float]:
    """What the gate measured, in nDCG@10: its own kind's gain, every other kind's change."""
    figures: dict[str, float] = {}
    for kind, gate in judged(facts).items():
        low, high = gate["interval"]
        name = f"gate/{kind}"
        if "live" in gate:  # versions of nightshift 0.1 kept the differences alone
            figures[f"{name}/ndcg_at_10"] = gate["candidate"]
            figures[f"{name}/ndcg_at_10_live"] = gate["live"]
        figures |= {
            f"{name}/ndcg_at_10_gain": gate["gain"],
            f"{name}/ndcg_at_10_gain_low": low,
            f"{name}/ndcg_at_10_gain_high": high,
            f"{name}/queries": gate["queries"],
            **{f"{name}/queries_{sort}": gate[sort] for sort in FLIPPED if sort in gate},
            f"{name}/accepted": gate["accepted"],
        }
        for other, (mean, _, _) in gate["losses"].items():
            figures[f"{name}/ndcg_at_10_change_of_{other}"] = mean
    return {name: float(value) for name, value in figures.items()}


FLIPPED = ("better", "worse")
"""Queries that find their documents higher or lower; which ones is nothing to tell elsewhere."""


def judged(facts: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """The gate's figures by the kind's id."""
    return {
        id_: each["gate"]
        for each in facts.get("outcomes", [])
        if each.get("gate") and (id_ := kind_of(each, facts))
    }


def _children(store: Store, manifest: Manifest, record: Record) -> Iterator[Record]:
    """A run for the night's training and one for its gate, where there were any."""
    facts = manifest.facts
    seconds = facts.get("seconds", {})
    if seconds.get("train"):
        born = _born(store, manifest)
        yield record.part(
            "training",
            round(1000 * seconds["train"]),
            {f"{one['name']}/{what}": str(one[what]) for one in born for what in ABOUT},
            {
                "seconds": float(seconds["train"]),
                **{f"{one['name']}/{what}": float(one[what]) for one in born for what in TAUGHT},
            },
        )
    if judged(facts):
        yield record.part("gate", round(1000 * seconds.get("gate", 0)), metrics=_gates(facts))


ABOUT, TAUGHT = ("method", "kind", "parent"), ("parameters", "queries", "seconds")


def _born(store: Store, manifest: Manifest) -> list[Mapping[str, Any]]:
    """The experts that this version brought, as the registry describes them."""
    object_id = manifest.modules.get("registry")
    if object_id is None or object_id not in store.objects:
        return []
    experts = read_registry(store, manifest.modules)["experts"].values()
    return [one for one in experts if one["born"] == manifest.version]


def _tables(manifest: Manifest) -> dict[str, bytes]:
    """What the layers saw and the gate measured, in the form that MLflow shows as tables."""
    made = {}
    for name, rows in (("layers", report.drift(manifest)), ("gate", report.gate(manifest))):
        if rows:
            page = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
            made[f"{TABLES}{name}.json"] = json.dumps(page).encode()
    return made


def _shown(tables: Mapping[str, bytes]) -> dict[str, str]:
    """The tag by which MLflow knows which files are tables."""
    named = [{"path": path, "type": "table"} for path in tables]
    return {"mlflow.loggedArtifacts": json.dumps(named)} if named else {}


def _plots(history: list[Manifest]) -> dict[str, bytes]:
    """Pictures of a version, the last of `history`."""
    facts = history[-1].facts
    versions = [manifest.version for manifest in history]
    documents = [int(manifest.facts.get("live_documents", 0)) for manifest in history]
    experts = [len(manifest.facts.get("live_experts", [])) for manifest in history]
    drawn = {"plots/growth.png": plots.growth(versions, documents, experts)}
    seen = facts.get("detection", {})
    if seen.get("drift"):
        drawn["plots/drift_by_layer.png"] = plots.drift(
            seen["layers"], seen["drift"], seen["drift_threshold"]
        )
    gains = {
        (kind, manifest.version): gate["gain"]
        for manifest in history
        for kind, gate in judged(manifest.facts).items()
    }
    if gains:
        kinds = {id_: name for manifest in history for id_, name in manifest.facts["kinds"].items()}
        nights = [m.version for m in history if m.kind == "night" or judged(m.facts)]
        tried = {kind: kinds[kind] for kind in sorted({kind for kind, _ in gains})}
        drawn["plots/gate_by_kind_and_night.png"] = plots.gate(nights, tried, gains)
    return drawn
