"""Nights with heads: a kind's documents are rewritten where that pays, and taken back."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import patience
import pytest
import worlds

from flows.evaluate import evaluate
from flows.live import open_live
from flows.night import update
from flows.rollback import rollback
from flows.settings import Settings
from pipeline import training
from pipeline import trial as trials
from pipeline.candidate import Candidate
from pipeline.index import Found
from pipeline.trial import Trial
from state.store import Store

QUERIES = [worlds.query("law", 3), worlds.query("sea", 4), worlds.query("ore", 5)]


@pytest.fixture
def headed(headed_store: Path, tmp_path: Path) -> Store:
    shutil.copytree(headed_store, tmp_path / "headed")
    return Store.open(tmp_path / "headed")


def answers(store: Store, version: int | None = None) -> list[list[Found]]:
    with open_live(store, version) as live:
        return live.retriever.ask(QUERIES, 20).found


def test_where_a_head_pays_the_kind_is_rewritten_and_nothing_encoded(headed: Store) -> None:
    manifest = headed.manifest()
    [outcome] = manifest.facts["outcomes"]
    assert outcome["outcome"] == "spawn", outcome["reason"]
    assert manifest.facts["encoded"] == 150
    assert manifest.facts["reencoded"] == 0
    with open_live(headed) as live:
        facts, head = live.modules.experts["e1"], live.overlays["e1"].head
        assert facts.method == "lora+head"
        assert head is not None
        assert facts.parameters == live.experts["e1"].parameter_count + head.parameter_count
        keys = {("default", f"law-{number}") for number in range(150)}
        assert set(live.overlays["e1"].parts[0].keys) == keys
        number = live.library.number_of["default", "law-7"]
        laid = live.overlays["e1"].vectors(live.library)[number]
        assert np.allclose(laid, head.rewrite(live.library.vectors(number)), atol=1e-6)


def test_it_helps_queries_that_never_taught_it(headed: Store, headed_store: Path) -> None:
    with open_live(headed) as live:
        folder = headed_store.parent / "law"
        learned = evaluate(live, folder, leg="dense")
        frozen = evaluate(live, folder, frozen=True)
    assert learned.metrics["nDCG@10"] > frozen.metrics["nDCG@10"] + 0.1


def test_other_kinds_find_what_they_found(headed: Store) -> None:
    with open_live(headed) as live:
        found = live.retriever.ask(QUERIES[1:2], 20, leg="dense")
        assert list(found.routes) == [{"frozen": 1.0}]
        assert found.found == live.retriever.ask_frozen(QUERIES[1:2], 20).found


def test_a_rollback_takes_the_head_back_and_can_be_taken_back(headed: Store) -> None:
    with_head = answers(headed)
    first = answers(headed, 1)
    rollback(headed, 1, "the expert was wrong")
    assert not any(name.startswith(("overlay/", "head/")) for name in headed.manifest().modules)
    with open_live(headed) as live:
        frozen = live.retriever.ask_frozen(QUERIES, 20).found
        assert live.retriever.ask(QUERIES, 20, leg="dense").found == frozen
    rollback(headed, 1, "the night was wrong", documents=True)
    assert answers(headed) == first
    rollback(headed, 2, "it was not", documents=True)
    assert answers(headed) == with_head
    assert not headed.verify()


def test_the_next_night_of_the_kind_is_rewritten_by_the_same_head(
    headed: Store, tmp_path: Path
) -> None:
    before = headed.manifest().modules
    update(headed, [worlds.write_batch(tmp_path / "b", "law", range(150, 180))])
    after = headed.manifest().modules
    assert after["head/e1"] == before["head/e1"]
    assert after["overlay/e1/00000001"] == before["overlay/e1/00000001"]
    with open_live(headed) as live:
        assert [len(part.keys) for part in live.overlays["e1"].parts] == [150, 30]
        found = live.retriever.ask(QUERIES[:1], 500).found[0]
        assert sorted(hit.number for hit in found) == sorted(live.library.number_of.values())


def test_a_revision_has_a_head_of_its_own_or_none(headed: Store, tmp_path: Path) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patience.of(patch, 20)
        update(headed, [worlds.write_batch(tmp_path / "b", "law", range(150, 260))])
    manifest = headed.manifest()
    [outcome] = manifest.facts["outcomes"]
    assert outcome["gate"] is not None
    expert = outcome["expert"]
    with open_live(headed) as live:
        headed_now = live.modules.experts[expert].method == "lora+head"
        assert (f"head/{expert}" in manifest.modules) == headed_now == (expert in live.overlays)
        assert set(live.overlays) <= {expert}


def test_on_the_query_side_alone_there_is_none(first_store: Path, tmp_path: Path) -> None:
    shutil.copytree(first_store, tmp_path / "store")
    store = Store.open(tmp_path / "store")
    batch = worlds.write_batch(tmp_path / "law", "law", range(150))
    update(store, [batch], settings=Settings(side="query"))
    assert not any(name.startswith(("overlay/", "head/")) for name in store.manifest().modules)


def test_where_nobody_asked_the_documents_own_words_teach_no_head(
    first_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def taught(*facts: Any, **more: Any) -> None:
        pytest.fail("a head was taught")

    monkeypatch.setattr(trials, "train_head", taught)
    shutil.copytree(first_store, tmp_path / "store")
    store = Store.open(tmp_path / "store")
    update(store, [worlds.write_batch(tmp_path / "law", "law", range(150), queries=False)])
    [outcome] = store.manifest().facts["outcomes"]
    assert outcome["gate"] is not None
    assert outcome["gate"]["synthetic"]


def test_a_head_that_costs_others_too_much_does_not_take_the_expert_with_it(
    first_store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    judged = Trial.candidate

    def harsh(trial: Trial, *facts: Any, **more: Any) -> Candidate:
        """The gate, as if every head harmed somebody."""
        candidate = judged(trial, *facts, **more)
        if candidate.overlay is None:
            return candidate
        verdict = replace(candidate.verdict, accepted=False, reason="it harms others")
        return replace(candidate, verdict=verdict)

    monkeypatch.setattr(Trial, "candidate", harsh)
    patience.of(monkeypatch, 40)
    monkeypatch.setattr(training._Course, "batch", 1000)
    shutil.copytree(first_store, tmp_path / "store")
    store = Store.open(tmp_path / "store")
    update(store, [worlds.write_batch(tmp_path / "law", "law", range(150), test_from=120)])
    [outcome] = store.manifest().facts["outcomes"]
    assert outcome["outcome"] == "spawn", outcome["reason"]
    assert not any(name.startswith(("overlay/", "head/")) for name in store.manifest().modules)
