"""Manual approval: documents at once, experts when somebody says so."""

from __future__ import annotations

import shutil
from pathlib import Path

import patience
import pytest
import worlds

from flows import approval
from flows.approval import approve, reject
from flows.live import open_live
from flows.night import update
from flows.rollback import rollback
from flows.settings import Settings
from nightshift.errors import NothingToDo, UsageError
from pipeline import training
from pipeline.gate import Change
from pipeline.index import Found
from state.manifest import Manifest
from state.store import Store

QUERIES = [worlds.query("law", 3), worlds.query("sea", 4), worlds.query("ore", 5)]
ASKED_FIRST = Settings(approval="manual")


def night(store: Store, batch: Path) -> Manifest:
    """A night whose expert gets the steps that a random encoder needs."""
    with pytest.MonkeyPatch.context() as patch:
        patience.of(patch, 40)
        patch.setattr(training._Course, "batch", 1000)
        update(store, [batch], settings=ASKED_FIRST)
    return store.manifest()


@pytest.fixture(scope="session")
def waiting_store(tmp_path_factory: pytest.TempPathFactory, first_store: Path) -> Path:
    """After a night about the law an expert with a head waits."""
    folder = tmp_path_factory.mktemp("waiting")
    shutil.copytree(first_store, folder / "store")
    law = worlds.write_batch(folder / "law", "law", range(150), test_from=120)
    night(Store.open(folder / "store"), law)
    return folder / "store"


@pytest.fixture
def waiting(waiting_store: Path, tmp_path: Path) -> Store:
    shutil.copytree(waiting_store, tmp_path / "store")
    return Store.open(tmp_path / "store")


def answers(store: Store, version: int | None = None) -> list[list[Found]]:
    with open_live(store, version) as live:
        return live.retriever.ask(QUERIES, 20).found


def frozen_answers(store: Store) -> list[list[Found]]:
    with open_live(store) as live:
        return live.retriever.ask_frozen(QUERIES, 20).found


def dense_answers(store: Store) -> list[list[Found]]:
    with open_live(store) as live:
        return live.retriever.ask(QUERIES, 20, leg="dense").found


def test_the_documents_are_live_and_the_expert_waits(waiting: Store) -> None:
    facts = waiting.manifest().facts
    [outcome] = facts["outcomes"]
    assert (outcome["outcome"], outcome["expert"]) == ("propose", None)
    assert outcome["reason"].startswith("e1 waits for approval: gains ")
    assert outcome["gate"]["accepted"]
    assert (facts["live_experts"], facts["candidates"]) == ([], ["e1"])
    assert facts["live_documents"] == 450
    assert dense_answers(waiting) == frozen_answers(waiting)


def test_once_approved_it_serves_as_if_nobody_had_been_asked(
    waiting: Store, headed_store: Path
) -> None:
    unasked = Store.open(headed_store)
    done = approve(waiting, "e1", "it helps")
    assert (done.version, done.objection) == (3, None)
    assert done.changes[done.kind].mean > 0
    manifest = waiting.manifest()
    assert (manifest.kind, manifest.reason) == ("approve", "it helps")
    assert (manifest.facts["live_experts"], manifest.facts["candidates"]) == (["e1"], [])
    for name in ("expert/e1", "head/e1", "overlay/e1/00000001"):
        assert manifest.modules[name] == unasked.manifest().modules[name]
    assert dense_answers(waiting) == dense_answers(unasked)
    assert dense_answers(waiting) != frozen_answers(waiting)
    assert not waiting.verify()


def test_an_approval_is_taken_back_and_given_again(waiting: Store) -> None:
    before = answers(waiting)
    approve(waiting, "e1")
    with_expert = answers(waiting)
    rollback(waiting, 2, "too soon")
    assert waiting.manifest().facts["candidates"] == ["e1"]
    assert answers(waiting) == before
    approve(waiting, "e1")
    assert answers(waiting) == with_expert


def test_a_rejected_expert_neither_serves_nor_waits(waiting: Store) -> None:
    before = answers(waiting)
    assert reject(waiting, "e1", "not this").version == 3
    manifest = waiting.manifest()
    assert (manifest.kind, manifest.reason) == ("reject", "not this")
    assert manifest.facts["candidates"] == []
    assert answers(waiting) == before
    for again in (lambda: approve(waiting, "e1"), lambda: reject(waiting, "e1", "really")):
        with pytest.raises(UsageError, match="experts that wait: none"):
            again()


def test_whoever_does_not_answer_holds_nothing_up(waiting: Store, tmp_path: Path) -> None:
    more = worlds.write_batch(tmp_path / "more", "law", range(150, 180))
    update(waiting, [more])
    manifest = waiting.manifest()
    assert manifest.facts["live_documents"] == 480
    assert manifest.facts["candidates"] == ["e1"]
    approve(waiting, "e1")
    with open_live(waiting) as live:
        assert [len(part.keys) for part in live.overlays["e1"].parts] == [150, 30]


def test_a_better_taught_one_takes_the_place_of_the_one_that_waits(
    waiting: Store, tmp_path: Path
) -> None:
    more = worlds.write_batch(tmp_path / "more", "law", range(150, 260))
    update(waiting, [more], settings=Settings(approval="manual", side="query"))
    [outcome] = waiting.manifest().facts["outcomes"]
    assert outcome["outcome"] == "propose", outcome["reason"]
    assert waiting.manifest().facts["candidates"] == ["e2"]
    with pytest.raises(UsageError, match="experts that wait: e2"):
        approve(waiting, "e1")


def test_a_revision_waits_while_its_parent_goes_on_serving(waiting: Store, tmp_path: Path) -> None:
    approve(waiting, "e1")
    served = waiting.manifest().modules
    manifest = night(waiting, worlds.write_batch(tmp_path / "more", "law", range(150, 230)))
    [outcome] = manifest.facts["outcomes"]
    assert manifest.facts["live_experts"] == ["e1"]
    assert manifest.modules["expert/e1"] == served["expert/e1"]
    assert outcome["outcome"] == "propose", outcome["reason"]
    assert outcome["expert"] == "e1"
    assert manifest.facts["candidates"] == ["e1-2"]


def test_who_would_harm_somebody_by_now_goes_on_waiting(
    waiting: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    worse = {"k1": Change(-0.03, -0.04, -0.02)}
    monkeypatch.setattr(approval, "measured", lambda gains: worse)
    for dry_run in (True, False):
        done = approve(waiting, "e1", dry_run=dry_run)
        assert (done.objection, done.version) == ("k1 would lose 3.0 points", None)
    assert waiting.manifest().version == 2


def test_where_no_more_may_live_it_goes_on_waiting(waiting: Store, tmp_path: Path) -> None:
    batch = worlds.write_batch(tmp_path / "b", "sea", range(300, 310))
    update(waiting, [batch], settings=Settings(approval="manual", max_experts=0))
    for dry_run in (True, False):
        done = approve(waiting, "e1", dry_run=dry_run)
        assert done.objection == "max_experts is 0"
        assert done.version is None
    assert waiting.manifest().facts["candidates"] == ["e1"]


def test_whoever_would_serve_nobody_any_more_is_refused(waiting: Store, tmp_path: Path) -> None:
    gone: list[dict[str, object]] = [{"_id": f"law-{n}", "_deleted": True} for n in range(300)]
    night(waiting, worlds.write_batch(tmp_path / "gone", "sea", range(300, 310), extra=gone))
    with pytest.raises(NothingToDo, match="has nobody to serve"):
        approve(waiting, "e1")
    assert reject(waiting, "e1", "nobody asks").expert == "e1"


def test_one_that_waits_is_not_served_in_another_form(waiting: Store, tmp_path: Path) -> None:
    batch = worlds.write_batch(tmp_path / "b", "sea", range(300, 310))
    with pytest.raises(UsageError, match="were taught for compose"):
        update(waiting, [batch], settings=Settings(compose="blend", approval="manual"))


def test_a_look_changes_nothing(waiting: Store) -> None:
    done = approve(waiting, "e1", dry_run=True)
    assert set(done.changes) == {"k1", "k2"}
    assert done.version is None
    assert waiting.manifest().version == 2
