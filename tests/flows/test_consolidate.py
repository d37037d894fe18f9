"""Fewer experts: two become one where nobody is harmed, one retires; both can be taken back."""

from __future__ import annotations

import shutil
from pathlib import Path

import patience
import pytest
import worlds

from flows import consolidate as consolidation
from flows import maintenance
from flows.consolidate import consolidate
from flows.live import open_live
from flows.maintenance import maintain
from flows.night import update
from flows.retire import retire
from flows.rollback import rollback
from flows.settings import Settings
from flows.teaching import never_tried
from nightshift.errors import NothingToDo, UsageError
from pipeline.index import Found
from state.store import Store

QUERIES = [worlds.query("law", 3), worlds.query("sea", 4), worlds.query("ore", 5)]


@pytest.fixture(scope="session")
def two_experts_store(tmp_path_factory: pytest.TempPathFactory, first_store: Path) -> Path:
    """Experts for the law and for ore; the law's has a head."""
    folder = tmp_path_factory.mktemp("two_experts")
    shutil.copytree(first_store, folder / "store")
    store = Store.open(folder / "store")
    with pytest.MonkeyPatch.context() as patch:
        patience.of(patch, 40)
        update(store, [worlds.write_batch(folder / "law", "law", range(150), test_from=120)])
        query = Settings(side="query")
        update(store, [worlds.write_batch(folder / "ore", "ore", range(150))], settings=query)
    return folder / "store"


@pytest.fixture
def two_experts(two_experts_store: Path, tmp_path: Path) -> Store:
    shutil.copytree(two_experts_store, tmp_path / "store")
    return Store.open(tmp_path / "store")


def answers(store: Store, version: int | None = None) -> list[list[Found]]:
    with open_live(store, version) as live:
        return live.retriever.ask(QUERIES, 20).found


def serving(store: Store) -> dict[str, str]:
    """The name of each kind's expert."""
    with open_live(store) as live:
        kinds, experts = live.modules.kinds, live.modules.router.experts
        assert {id_: kind.expert for id_, kind in kinds.items() if kind.expert} == experts
        return {id_: experts[id_] for id_ in sorted(experts)}


def test_two_experts_become_one_that_serves_the_kinds_of_both(
    two_experts: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consolidation, "MAY_COST", 1.0)
    monkeypatch.setattr(consolidation, "harm", lambda changes, tolerance: None)
    kinds = set(serving(two_experts))
    done = consolidate(two_experts)
    assert done.experts == ("e1", "e2")
    assert done.version == 4
    assert serving(two_experts) == dict.fromkeys(kinds, "e3")
    manifest = two_experts.manifest()
    assert (manifest.kind, manifest.reason) == ("consolidate", "e1 and e2 became e3")
    assert manifest.facts["live_experts"] == ["e3"]
    assert manifest.facts["consolidate"] == done.as_json()
    before, after = done.parameters
    assert manifest.facts["expert_parameters"] == after < before
    with open_live(two_experts) as live:
        assert live.modules.experts["e3"].parent == "e1+e2"
        assert kinds <= set(done.changes)
        headed = live.modules.experts["e1"].method == "lora+head"
        assert (live.modules.experts["e3"].method == "lora+head") == headed
    assert not two_experts.verify()
    with pytest.raises(NothingToDo, match="no two experts"):
        consolidate(two_experts)


def test_a_merger_can_be_taken_back_and_put_back(
    two_experts: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consolidation, "MAY_COST", 1.0)
    monkeypatch.setattr(consolidation, "harm", lambda changes, tolerance: None)
    before = answers(two_experts)
    consolidate(two_experts)
    merged = answers(two_experts)
    assert merged != before
    rollback(two_experts, 3, "two are better")
    assert answers(two_experts) == before
    assert consolidate(two_experts).into == "e4"
    rollback(two_experts, 4, "one is enough")
    assert answers(two_experts) == merged


def test_queries_about_few_documents_say_nothing(
    two_experts: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consolidation, "MAY_COST", 1.0)
    monkeypatch.setattr(consolidation, "FEWEST_DOCUMENTS", 1000)
    done = consolidate(two_experts, dry_run=True)
    assert "documents" in str(done.objection)
    assert "too few to judge by" in str(done.objection)


def test_whoever_would_lose_keeps_its_own(
    two_experts: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consolidation, "MAY_COST", -1.0)
    manifest = two_experts.manifest()
    done = consolidate(two_experts)
    assert done.version is None
    assert done.objection
    assert two_experts.manifest() == manifest


def test_a_dry_run_measures_the_same_and_changes_nothing(
    two_experts: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consolidation, "MAY_COST", 1.0)
    monkeypatch.setattr(consolidation, "harm", lambda changes, tolerance: None)
    manifest = two_experts.manifest()
    dry = consolidate(two_experts, dry_run=True)
    assert dry.version is None
    assert two_experts.manifest() == manifest
    assert consolidate(two_experts).changes == dry.changes


def test_a_night_after_a_merger_goes_on_with_the_one(
    two_experts: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consolidation, "MAY_COST", 1.0)
    monkeypatch.setattr(consolidation, "harm", lambda changes, tolerance: None)
    consolidate(two_experts)
    [night] = update(two_experts, [worlds.write_batch(tmp_path / "b", "ore", range(150, 180))])
    assert [outcome.outcome for outcome in night.outcomes] == ["reuse"]
    assert set(serving(two_experts).values()) == {"e3"}


def test_a_retired_expert_serves_nobody_and_its_kind_is_frozen_again(two_experts: Store) -> None:
    kinds = serving(two_experts)
    law = next(kind for kind, expert in kinds.items() if expert == "e1")
    grown = answers(two_experts)
    done = retire(two_experts, "e1", "nobody asks about the law any more")
    assert (done.version, done.serves) == (4, (law,))
    assert done.changes[law].mean < 0
    assert serving(two_experts) == {kind: one for kind, one in kinds.items() if one != "e1"}
    with open_live(two_experts) as live:
        asked = live.retriever.ask(QUERIES[:1], 20, leg="dense")
        assert asked.found == live.retriever.ask_frozen(QUERIES[:1], 20).found
        assert len(live.library) == 600
    manifest = two_experts.manifest()
    assert (manifest.kind, manifest.reason) == ("retire", "nobody asks about the law any more")
    assert manifest.facts["live_experts"] == ["e2"]
    rollback(two_experts, 3, "somebody does")
    assert answers(two_experts) == grown


def test_retiring_can_be_tried_and_needs_an_expert_that_serves(two_experts: Store) -> None:
    manifest = two_experts.manifest()
    dry = retire(two_experts, "e1", "", dry_run=True)
    assert dry.version is None
    assert two_experts.manifest() == manifest
    assert retire(two_experts, "e1", "now").changes == dry.changes
    with pytest.raises(UsageError, match="no kind is served by 'e1'; experts that serve: e2"):
        retire(two_experts, "e1", "again")


def test_the_weekly_rounds_make_room_where_no_expert_more_may_live(
    two_experts: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consolidation, "MAY_COST", 1.0)
    monkeypatch.setattr(consolidation, "harm", lambda changes, tolerance: None)
    monkeypatch.setattr(maintenance, "never_tried", lambda modules: None)
    assert maintain(two_experts).consolidation is None
    few = Settings(side="query", max_experts=2)
    update(two_experts, [worlds.write_batch(tmp_path / "b", "sea", range(300, 310))], settings=few)
    done = maintain(two_experts)
    assert done.consolidation is not None
    assert done.consolidation.into == "e3"
    assert done.damage == ()
    assert set(serving(two_experts).values()) == {"e3"}


def test_nobody_is_taught_where_no_expert_more_may_live(two_experts: Store, tmp_path: Path) -> None:
    """The most asked kind of the first corpus goes on waiting for its turn."""
    few = Settings(side="query", max_experts=2)
    update(two_experts, [worlds.write_batch(tmp_path / "b", "sea", range(300, 310))], settings=few)
    assert maintain(two_experts).teaching is None
    with open_live(two_experts) as live:
        assert len(live.modules.serving) == 2
        assert never_tried(live.modules) is not None


def test_a_merged_expert_rewrites_what_comes_later_of_both_kinds(
    two_experts: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(consolidation, "MAY_COST", 1.0)
    monkeypatch.setattr(consolidation, "harm", lambda changes, tolerance: None)
    consolidate(two_experts)
    for kind in ("law", "ore"):
        batch = worlds.write_batch(tmp_path / kind, kind, range(150, 170), queries=False)
        update(two_experts, [batch])
    with open_live(two_experts) as live:
        laid = {key[1] for part in live.overlays["e3"].parts for key in part.keys}
    assert {f"{kind}-{n}" for kind in ("law", "ore") for n in range(150, 170)} <= laid
