"""Experts between two nights: for kinds that no night would try one for."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import patience
import pytest
import worlds

from flows import founding
from flows.bootstrap import bootstrap
from flows.evaluate import evaluate
from flows.live import open_live
from flows.maintenance import maintain
from flows.publication import publish_modules
from flows.rollback import rollback
from flows.settings import Settings
from flows.teaching import never_tried, teach
from nightshift.errors import UsageError
from pipeline.index import Found
from state.store import Store

QUERIES = [worlds.query("sea", 3), worlds.query("law", 4)]


@pytest.fixture(scope="session")
def taught_store(tmp_path_factory: pytest.TempPathFactory, first_store: Path) -> Path:
    """The first corpus, after the weekly rounds have found that people ask about it."""
    folder = tmp_path_factory.mktemp("taught")
    shutil.copytree(first_store, folder / "store")
    maintain(Store.open(folder / "store"))
    return folder / "store"


@pytest.fixture
def taught(taught_store: Path, tmp_path: Path) -> Store:
    shutil.copytree(taught_store, tmp_path / "store")
    return Store.open(tmp_path / "store")


def answers(store: Store, version: int | None = None) -> list[list[Found]]:
    with open_live(store, version) as live:
        return live.retriever.ask(QUERIES, 20).found


def test_the_weekly_rounds_teach_what_the_first_corpus_is_asked(taught: Store) -> None:
    manifest = taught.manifest(2)
    assert manifest.kind == "teach"
    [outcome] = manifest.facts["outcomes"]
    assert (outcome["outcome"], outcome["expert"]) == ("spawn", "e1"), outcome["reason"]
    assert (outcome["documents"], manifest.facts["encoded"]) == (0, 0)
    assert manifest.facts["live_documents"] == 300
    assert manifest.facts["seconds"]["train"] > 0
    with open_live(taught) as live:
        assert live.modules.router.experts == {"k1": "e1"}
        assert never_tried(live.modules) is None


def test_documents_that_nobody_asked_about_lose_nothing(
    tmp_path: Path, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Which these are is not known of a first corpus, so no head may lift the others above them."""
    patience.of(monkeypatch, 24)
    monkeypatch.setattr(founding, "DOCUMENTS_ASKED", 10)
    corpus = worlds.write_batch(tmp_path / "corpus", "sea", range(240), test_from=120)
    bootstrap(tmp_path / "store", [corpus], encoder=str(encoder_folder))
    store = Store.open(tmp_path / "store")
    done = teach(store, "k1")
    assert done.outcome.outcome == "spawn", done.outcome.reason
    with open_live(store) as live:
        assert live.modules.experts["e1"].method == "lora"
        learned = evaluate(live, corpus, leg="dense").metrics["nDCG@10"]
        frozen = evaluate(live, corpus, frozen=True).metrics["nDCG@10"]
    assert learned > frozen


def test_it_is_taken_back_and_brought_back(taught: Store) -> None:
    with_expert, without = answers(taught), answers(taught, 1)
    assert with_expert != without
    rollback(taught, 1, "not this one")
    assert answers(taught) == without
    rollback(taught, 2, "this one after all")
    assert answers(taught) == with_expert
    assert not taught.verify()


def test_who_is_tried_once_is_not_tried_every_week(taught: Store) -> None:
    before = taught.manifest().version
    assert maintain(taught).teaching is None
    assert taught.manifest().version == before


def test_a_kind_with_an_expert_gets_a_revision_or_keeps_it(taught: Store) -> None:
    with open_live(taught) as live:
        name = live.modules.kinds["k1"].name
    done = teach(taught, name)
    assert done.kind == "k1"
    assert done.outcome.outcome in ("refine", "reuse")
    assert done.outcome.gate is not None


def test_a_shared_expert_gets_no_revision_where_no_more_may_live(grown: Store) -> None:
    """The revision would serve one of its kinds, and the expert go on serving the other."""
    with grown.writing(), open_live(grown) as live:
        modules = live.modules
        kinds = {**modules.kinds, "k1": replace(modules.kinds["k1"], expert="e1")}
        router = modules.router.with_kind("k1", modules.router.prototypes["k1"], "e1")
        shared = replace(modules, kinds=kinds, router=router)
        publish_modules(live, shared, "teach", "both kinds share e1", {})
    done = teach(grown, "k1", settings=Settings(max_experts=1))
    assert (done.outcome.outcome, done.outcome.expert) == ("reuse", "e1")
    assert done.outcome.reason == "e1 stays: max_experts is 1"
    assert grown.manifest().facts["live_experts"] == ["e1"]


def test_a_taught_expert_waits_where_somebody_wants_to_be_asked(store: Store) -> None:
    done = teach(store, "k1", settings=Settings(approval="manual"))
    assert done.outcome.outcome == "propose", done.outcome.reason
    assert store.manifest().facts["candidates"] == ["e1"]
    assert store.manifest().facts["live_experts"] == []


def test_a_kind_that_nobody_asks_about_is_left_alone(tmp_path: Path, encoder_folder: Path) -> None:
    quiet = worlds.write_batch(tmp_path / "quiet", "sea", range(120), queries=False)
    bootstrap(tmp_path / "store", [quiet], encoder=str(encoder_folder))
    assert maintain(Store.open(tmp_path / "store")).teaching is None


def test_a_kind_that_shares_its_name_is_taught_by_its_id(grown: Store) -> None:
    with grown.writing(), open_live(grown) as live:
        modules = live.modules
        kinds = {id_: replace(kind, name="twins") for id_, kind in modules.kinds.items()}
        publish_modules(live, replace(modules, kinds=kinds), "teach", "called alike", {})
    assert teach(grown, "k1").kind == "k1"
    with pytest.raises(UsageError, match="no kind is called 'twins'"):
        teach(grown, "twins")


def test_a_kind_that_is_not_there_is_named_in_one_sentence(store: Store) -> None:
    with pytest.raises(UsageError, match="no kind is called 'moon'; there are: k1 "):
        teach(store, "moon")


def test_the_weekly_rounds_follow_the_settings_of_today(store: Store) -> None:
    """No night has come since somebody asked to be asked."""
    done = maintain(store, settings=Settings(approval="manual"))
    assert done.teaching is not None
    assert done.teaching.outcome.outcome == "propose"
    assert store.manifest().facts["live_experts"] == []


def test_where_no_expert_may_live_the_weekly_rounds_teach_nobody(store: Store) -> None:
    assert maintain(store, settings=Settings(max_experts=0)).teaching is None
