"""What MLflow is told of a version: the figures of its manifest, and nobody's words."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import worlds

from flows.night import update
from flows.page import decision
from flows.record import key_of, record_of
from state.manifest import Manifest
from state.record import Record
from state.store import Store

GATE = {
    "accepted": True,
    "queries": 120,
    "synthetic": False,
    "live": 0.4,
    "candidate": 0.481,
    "gain": 0.081,
    "interval": [0.05, 0.11],
    "losses": {"k1": [-0.001, -0.004, 0.002]},
}
FACTS: dict[str, Any] = {
    "batches": [{"batch": "law", "digest": "d" * 64, "source": "default", "label": None}],
    "outcomes": [
        {"kind": "court-judge", "documents": 200, "outcome": "spawn", "reason": "gains 8.1 points",
         "expert": "e1", "gate": GATE},
        {"kind": "jane-doe", "documents": 2, "outcome": "wait", "reason": "2 documents of a new "
         "kind, 100 are needed to learn from", "expert": None, "gate": None},
        {"kind": "-", "documents": 1, "outcome": "quarantine",
         "reason": "its document 'jane-doe-1' is not there", "expert": None, "gate": None},
    ],
    "documents": {"added": 202, "updated": 0, "deleted": 0, "unchanged": 0, "quarantined": 1},
    "encoded": 202,
    "seconds": {"encode": 2.0, "detect": 0.5, "train": 6.0, "gate": 1.0, "publish": 0.5},
    "detection": {"layers": [2, 3], "new": True, "p_value": 0.001,
                  "shares": {"0.8": 0.9, "0.95": 0.8, "0.99": 0.7},
                  "kinds": {"k1": [0.9, 0.8, 0.7]}, "drift": [0.85, 0.6], "drift_threshold": 0.1},
    "quarantined": [{"where": "query 'where is jane doe'", "reason": "its document is not there"}],
    "settings": {"false_alarms_per_year": 1.0, "seed": 0},
    "libraries": {"torch": "2.13.0"},
    "live_documents": 502,
    "live_experts": ["e1"],
    "expert_parameters": 1000,
    "kinds": {"k1": "tide-moon", "k2": "court-judge"},
    "waiting": 2,
}  # fmt: skip
ENCODER = {"name": "tiny", "fingerprint": "f" * 64, "parameters": 5000}


def night(facts: Mapping[str, Any] = FACTS, kind: str = "night", reason: str = "-") -> Manifest:
    return Manifest(1, None, "2031-05-01T02:00:00+00:00", kind, reason, ENCODER, {}, {}, facts)


def told(folder: Path, *versions: Manifest) -> list[Record]:
    store = Store.create(folder)
    with store.writing():
        for manifest in versions:
            store.publish(manifest)
    return [record_of(store, manifest) for manifest in store.history()]


def test_a_night_is_told_in_figures(tmp_path: Path) -> None:
    [record] = told(tmp_path / "store", night())
    assert record.name == (
        "night 1: spawn k2 court-judge, wait (2 documents), quarantine (1 document)"
    )
    assert record.model == "nightshift"
    assert record.milliseconds == 1935367200000
    assert record.took == 10_000
    assert record.parameters == {
        "encoder": "tiny",
        "encoder_fingerprint": "f" * 64,
        "encoder_parameters": "5000",
        "settings/false_alarms_per_year": "1.0",
        "settings/seed": "0",
        "library/torch": "2.13.0",
        "batch": "law",
        "batch_digest": "d" * 64,
    }
    assert record.metrics == {
        "documents": 502,
        "experts": 1,
        "expert_parameters": 1000,
        "kinds": 2,
        "waiting": 2,
        "encoded": 202,
        "batch/added": 202,
        "batch/updated": 0,
        "batch/deleted": 0,
        "batch/unchanged": 0,
        "batch/quarantined": 1,
        "seconds/encode": 2.0,
        "seconds/detect": 0.5,
        "seconds/train": 6.0,
        "seconds/gate": 1.0,
        "seconds/publish": 0.5,
        "layers/beyond_80": 0.9,
        "layers/beyond_95": 0.8,
        "layers/beyond_99": 0.7,
        "layers/k1/beyond_80": 0.9,
        "layers/k1/beyond_95": 0.8,
        "layers/k1/beyond_99": 0.7,
        "layers/drift/2": 0.85,
        "layers/drift/3": 0.6,
        "layers/p_value": 0.001,
        "layers/new": 1,
        "gate/k2/ndcg_at_10": 0.481,
        "gate/k2/ndcg_at_10_live": 0.4,
        "gate/k2/ndcg_at_10_gain": 0.081,
        "gate/k2/ndcg_at_10_gain_low": 0.05,
        "gate/k2/ndcg_at_10_gain_high": 0.11,
        "gate/k2/queries": 120,
        "gate/k2/accepted": 1,
        "gate/k2/ndcg_at_10_change_of_k1": -0.001,
    }
    assert [(data.name, data.digest) for data in record.datasets] == [("law", "d" * 64)]
    assert [(child.name, child.key) for child in record.children] == [
        ("training", f"{record.key}/training"),
        ("gate", f"{record.key}/gate"),
    ]


def test_the_decision_is_a_page_of_markdown() -> None:
    page = decision(night()).splitlines()
    assert page[0] == "# Version 1: night"
    assert page[2] == "spawn k2 court-judge, wait (2 documents), quarantine (1 document)"
    [spawn] = [line for line in page if line.startswith("| spawn")]
    assert spawn == (
        "| spawn | k2 court-judge | 200 | e1 | gains 8.1 points | "
        "accepted: +8.1 (+5.0 to +11.0) points on 120 real queries |"
    )


def test_only_what_a_night_trained_or_judged_has_parts(tmp_path: Path) -> None:
    idle = {**FACTS, "outcomes": [], "seconds": {"encode": 1.0, "train": 0.0}}
    [record] = told(tmp_path / "store", night(idle))
    assert record.children == ()


def test_a_version_of_a_sort_that_is_not_known_yet_is_told_too(tmp_path: Path) -> None:
    [record] = told(tmp_path / "store", night({"live_documents": 3}, "compact", "jane-doe-1"))
    assert record.metrics["documents"] == 3
    assert "jane" not in every_word_of(record)


def test_the_live_version_alone_has_aliases(tmp_path: Path) -> None:
    versions = [replace(night(), version=n, parent=n - 1 or None) for n in (1, 2, 3)]
    records = told(tmp_path / "store", *versions)
    assert [record.aliases for record in records] == [
        {},
        {},
        {"champion": records[2].key, "previous": records[1].key},
    ]
    assert {record.store for record in records} == {records[0].key}


def test_a_store_of_another_name_names_its_model(tmp_path: Path) -> None:
    [record] = told(tmp_path / "manuals", night())
    assert record.model == "manuals"


def test_no_document_is_quoted_and_none_is_named(tmp_path: Path) -> None:
    [record] = told(tmp_path / "store", night())
    assert "jane" not in every_word_of(record)


def test_a_whole_night_tells_no_text_and_no_name_of_a_document(
    grown: Store, tmp_path: Path
) -> None:
    """What MLflow holds is searched for the words of queries and for documents' names, bytes of
    compressed files included; so a purge has nothing to take back there."""
    few = worlds.write_batch(tmp_path / "b", "ore", range(30))
    qrels = few / "qrels" / "train.tsv"
    qrels.write_text(qrels.read_text() + "qore1-0\tnobody\t1\n")
    update(grown, [few])
    for manifest in grown.history():
        record = record_of(grown, manifest)
        said = every_word_of(record)
        for name in ("law-12", "ore-7", "nobody", worlds.query("law", 7), "lawfiller"):
            assert name not in said
        assert not [path for path in record.files if "questions" in path or "pool" in path]


def test_the_module_set_is_plain_files(grown: Store) -> None:
    record = record_of(grown, grown.manifest())
    paths = {path for path in record.files if path.startswith("modules/")}
    assert paths == {
        "modules/MLmodel",
        "modules/nightshift.json",
        "modules/expert/e1/adapter_config.json",
        "modules/expert/e1/adapter_model.safetensors",
        *(
            f"modules/kind/k{kind}/{part}/statistics.safetensors"
            for kind in (1, 2)
            for part in ("birth", "statistics")
        ),
        "modules/registry/registry.json",
        "modules/router/prototypes.safetensors",
        "modules/router/router.json",
    }
    assert {path for path in record.files if path.startswith("plots/")} == {
        "plots/growth.png",
        "plots/drift_by_layer.png",
        "plots/gate_by_kind_and_night.png",
    }


def test_a_night_that_taught_an_expert_tells_how(grown: Store) -> None:
    training, gate = record_of(grown, grown.manifest()).children
    assert training.parameters["e1/method"] == "lora"
    assert training.metrics["e1/queries"] > 0
    assert gate.metrics["gate/k2/ndcg_at_10_gain"] > 0
    assert training.key == f"{key_of(grown.manifest())}/training"


def test_modules_that_were_cleared_away_are_left_out(grown: Store) -> None:
    manifest = grown.manifest()
    router = grown.objects.path(manifest.modules["router"])
    router.rename(grown.root / "elsewhere")
    paths = record_of(Store.open(grown.root), manifest).files
    assert not [path for path in paths if "router" in path]
    assert "modules/registry/registry.json" in paths


def test_the_same_version_is_the_same_record(grown: Store) -> None:
    manifest = grown.manifest()
    first, second = (record_of(Store.open(grown.root), manifest) for _ in range(2))
    assert first == second


@pytest.mark.parametrize("count", [1, 2, 60])
def test_pictures_are_drawn_of_any_number_of_versions(count: int) -> None:
    from flows import plots

    versions = list(range(1, count + 1))
    gains = {("k1", night): 0.01 * night for night in versions}
    for picture in (
        plots.growth(versions, versions, [0] * count),
        plots.gate(versions, {"k1": "tide-moon"}, gains),
        plots.drift(versions, [0.0] * count, 0.1),
    ):
        assert picture.startswith(b"\x89PNG")


def test_what_was_taught_before_the_first_night_has_its_column(tmp_path: Path) -> None:
    facts = {**FACTS, "outcomes": FACTS["outcomes"][:1], "batches": []}
    first = night({"kinds": {"k2": "court-judge"}}, "init")
    taught = replace(night(facts, "teach"), version=2, parent=1)
    [_, record] = told(tmp_path / "store", first, taught)
    assert "plots/gate_by_kind_and_night.png" in record.files


def test_of_two_kinds_of_one_name_the_figures_go_to_the_one_that_was_judged(
    tmp_path: Path,
) -> None:
    [outcome, *_] = FACTS["outcomes"]
    kinds = {"k2": "court-judge", "k10": "court-judge"}
    for id_ in kinds:
        outcomes = [{**outcome, "kind_id": id_}]
        [record] = told(tmp_path / id_, night({**FACTS, "kinds": kinds, "outcomes": outcomes}))
        assert f"spawn {id_} court-judge" in record.name
        [gate] = [child for child in record.children if child.name.endswith("gate")]
        assert gate.metrics[f"gate/{id_}/queries"] == 120
        assert {name.split("/")[1] for name in gate.metrics} == {id_}


def every_word_of(record: Record) -> str:
    """All that is told, as one text; files as they are."""
    files = [
        content if isinstance(content, bytes) else content.read_bytes()
        for content in record.files.values()
    ]
    parts = [every_word_of(child) for child in record.children]
    plain = repr({**vars(record), "files": list(record.files), "children": ()})
    return "\n".join([plain, *parts, *(file.decode("latin-1") for file in files)])
