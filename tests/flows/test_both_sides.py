"""Nights with experts for both sides: chosen where they pay, laid over, taken back."""

from __future__ import annotations

import shutil
from pathlib import Path

import patience
import pytest
import worlds

from flows.evaluate import evaluate
from flows.live import open_live
from flows.night import update
from flows.rollback import rollback
from flows.settings import Settings
from pipeline import training
from pipeline.both_sides import BothSidesCourse
from pipeline.experts.lora import LoraExpert
from pipeline.head import Head
from pipeline.index import Found
from state.store import Store

QUERIES = [worlds.query("law", 3), worlds.query("sea", 4), worlds.query("ore", 5)]


@pytest.fixture(scope="session")
def two_sided_store(tmp_path_factory: pytest.TempPathFactory, first_store: Path) -> Path:
    """A night about the law: both sides get the steps that a random encoder needs, queries few and
    small ones, and heads none, since in this world they do as well."""
    folder = tmp_path_factory.mktemp("two_sided")
    shutil.copytree(first_store, folder / "store")
    batch = worlds.write_batch(folder / "law", "law", range(150), test_from=120)
    with pytest.MonkeyPatch.context() as patch:
        patience.of(patch, 12)
        patch.setattr(training._Course, "batch", 1000)
        patch.setattr(BothSidesCourse, "batch", 8)
        patch.setattr(LoraExpert, "learning_rate", 1e-3)
        patch.setattr(Head, "learning_rate", 0.0)
        update(Store.open(folder / "store"), [batch], settings=Settings(side="auto"))
    return folder / "store"


@pytest.fixture
def two_sided(two_sided_store: Path, tmp_path: Path) -> Store:
    shutil.copytree(two_sided_store, tmp_path / "two_sided")
    return Store.open(tmp_path / "two_sided")


def answers(store: Store, version: int | None = None) -> list[list[Found]]:
    with open_live(store, version) as live:
        return live.retriever.ask(QUERIES, 20).found


def test_where_both_sides_pay_the_kind_is_laid_over(two_sided: Store) -> None:
    manifest = two_sided.manifest()
    [outcome] = manifest.facts["outcomes"]
    assert outcome["outcome"] == "spawn", outcome["reason"]
    assert outcome["expert"] == "e1"
    assert outcome["gate"]["accepted"]
    assert "more than queries alone" in outcome["reason"]
    assert manifest.facts["reencoded"] == 150
    assert manifest.facts["encoded"] == 150
    with open_live(two_sided) as live:
        facts = live.modules.experts["e1"]
        assert facts.method == "lora-both"
        assert facts.reencoded == 150
        assert facts.seconds > 0
        assert set(live.overlays) == {"e1"}
        keys = {("default", f"law-{number}") for number in range(150)}
        assert set(live.overlays["e1"].parts[0].keys) == keys


def test_it_helps_queries_that_never_taught_it(two_sided: Store, two_sided_store: Path) -> None:
    with open_live(two_sided) as live:
        folder = two_sided_store.parent / "law"
        learned = evaluate(live, folder, leg="dense")
        frozen = evaluate(live, folder, frozen=True)
    assert learned.metrics["nDCG@10"] > frozen.metrics["nDCG@10"] + 0.1


def test_where_queries_alone_do_as_well_nothing_is_laid_over(grown: Store) -> None:
    manifest = grown.manifest()
    [outcome] = manifest.facts["outcomes"]
    assert "both sides" not in outcome["reason"]
    assert manifest.facts["reencoded"] == 0
    assert not any(name.startswith("overlay/") for name in manifest.modules)
    with open_live(grown) as live:
        assert live.modules.experts["e1"].method == "lora"
        assert not live.overlays


def test_a_rollback_takes_the_overlay_back_and_can_be_taken_back(two_sided: Store) -> None:
    with_overlay = answers(two_sided)
    first = answers(two_sided, 1)
    rollback(two_sided, 1, "the expert was wrong")
    assert not any(name.startswith("overlay/") for name in two_sided.manifest().modules)
    with open_live(two_sided) as live:
        assert not live.overlays
        frozen = live.retriever.ask_frozen(QUERIES, 20).found
        assert live.retriever.ask(QUERIES, 20, leg="dense").found == frozen
        assert len(live.library) == 450
    rollback(two_sided, 1, "the night was wrong", documents=True)
    assert answers(two_sided) == first
    rollback(two_sided, 2, "it was not", documents=True)
    assert answers(two_sided) == with_overlay


def test_the_next_night_of_the_kind_adds_a_part_and_touches_no_other(
    two_sided: Store, tmp_path: Path
) -> None:
    before = two_sided.manifest().modules["overlay/e1/00000001"]
    changed = {**worlds.document("law", 400), "_id": "law-1"}
    extra: list[dict[str, object]] = [dict(changed), {"_id": "law-2", "_deleted": True}]
    [night] = update(
        two_sided, [worlds.write_batch(tmp_path / "b", "law", range(150, 180), extra=extra)]
    )
    assert [outcome.outcome for outcome in night.outcomes] == ["reuse"]
    manifest = two_sided.manifest()
    assert manifest.facts["reencoded"] == 31
    assert manifest.modules["overlay/e1/00000001"] == before
    with open_live(two_sided) as live:
        library = live.library
        first, second = live.overlays["e1"].parts
        assert len(first.keys) == 150
        laid = live.overlays["e1"].vectors(library)
        assert len(laid) == 150 + 30 - 1
        new = library.number_of["default", "law-1"]
        row = second.keys.index(("default", "law-1"))
        assert (laid[new] == second.vectors[row]).all()
        found = live.retriever.ask(QUERIES[:1], 500).found[0]
        assert sorted(hit.number for hit in found) == sorted(library.number_of.values())


def test_another_kind_s_night_lays_nothing_over(two_sided: Store, tmp_path: Path) -> None:
    update(two_sided, [worlds.write_batch(tmp_path / "b", "sea", range(300, 340))])
    manifest = two_sided.manifest()
    assert manifest.facts["reencoded"] == 0
    assert [name for name in manifest.modules if "overlay/" in name] == ["overlay/e1/00000001"]


def test_a_revision_goes_its_parent_s_way_whatever_new_experts_are_by_now(
    two_sided: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience.of(monkeypatch, 6)
    monkeypatch.setattr(BothSidesCourse, "batch", 8)
    more = worlds.write_batch(tmp_path / "b", "law", range(150, 260))
    update(two_sided, [more], settings=Settings(expert="head"))
    [outcome] = two_sided.manifest().facts["outcomes"]
    assert outcome["gate"] is not None
    with open_live(two_sided) as live:
        assert live.modules.experts[outcome["expert"]].method == "lora-both"


def test_a_revision_of_both_sides_has_an_overlay_of_its_own(
    two_sided: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience.of(monkeypatch, 6)
    monkeypatch.setattr(BothSidesCourse, "batch", 8)
    update(two_sided, [worlds.write_batch(tmp_path / "b", "law", range(150, 260))])
    manifest = two_sided.manifest()
    [outcome] = manifest.facts["outcomes"]
    assert outcome["gate"] is not None
    accepted = outcome["gate"]["accepted"]
    assert outcome["outcome"] == ("refine" if accepted else "reuse")
    parts = [name for name in manifest.modules if name.startswith("overlay/")]
    own = ["overlay/e1-2/00000001"] if accepted else []
    assert sorted(parts) == sorted(["overlay/e1/00000001", "overlay/e1/00000002", *own])
    with open_live(two_sided) as live:
        [expert] = live.overlays
        assert expert == outcome["expert"]
        assert len(live.overlays[expert].vectors(live.library)) == 260
