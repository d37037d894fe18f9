"""Every way of making and composing experts lives through nights: spawned, judged, kept, taken
back.
"""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import patience
import pytest
import worlds

from flows.evaluate import evaluate
from flows.live import open_live
from flows.modules import HEAD
from flows.night import update
from flows.rollback import rollback
from flows.settings import Settings
from nightshift.errors import UsageError
from pipeline.experts import prefix
from pipeline.index import Found
from state.store import Store

OTHERS = {
    "prefix": Settings(expert="prefix", side="query"),
    "prefix, blended": Settings(expert="prefix", compose="blend", side="query"),
    "lora, blended": Settings(router="margin", compose="blend", side="query"),
    "head": Settings(expert="head", router="top-k"),
}
"""Ways that are not the default."""
QUERIES = [worlds.query("law", 3), worlds.query("sea", 4), worlds.query("ore", 5)]


@pytest.fixture(scope="session", params=OTHERS.values(), ids=OTHERS)
def settings(request: pytest.FixtureRequest) -> Settings:
    chosen: Settings = request.param
    return chosen


@pytest.fixture(scope="session")
def spawned_store(
    settings: Settings, tmp_path_factory: pytest.TempPathFactory, first_store: Path
) -> Path:
    """A night about the law, served by a new expert."""
    folder = tmp_path_factory.mktemp("spawned")
    shutil.copytree(first_store, folder / "store")
    batch = worlds.write_batch(folder / "law", "law", range(150), test_from=120)
    with pytest.MonkeyPatch.context() as patch:
        patience.of(patch, 24)
        patch.setattr(prefix, "TOKENS", 8)
        update(Store.open(folder / "store"), [batch], settings=settings)
    return folder / "store"


@pytest.fixture
def spawned(spawned_store: Path, tmp_path: Path) -> Store:
    shutil.copytree(spawned_store, tmp_path / "store")
    return Store.open(tmp_path / "store")


def answers(store: Store, version: int | None = None) -> list[list[Found]]:
    with open_live(store, version) as live:
        return live.retriever.ask(QUERIES, 20).found


def test_its_expert_goes_live_and_helps(
    spawned: Store, spawned_store: Path, settings: Settings
) -> None:
    [outcome] = spawned.manifest().facts["outcomes"]
    assert outcome["outcome"] == "spawn", outcome["reason"]
    with open_live(spawned) as live:
        facts = live.modules.experts["e1"]
        assert facts.method == live.settings.expert == settings.expert
        assert live.modules.compose == settings.compose
        assert live.modules.router.rule == settings.router
        head = live.overlays["e1"].head if "e1" in live.overlays else None
        parts = (live.experts["e1"], *([head] if head else []))
        assert facts.parameters == sum(part.parameter_count for part in parts) > 0
        folder = spawned_store.parent / "law"
        learned = evaluate(live, folder, leg="dense")
        frozen = evaluate(live, folder, frozen=True)
    assert learned.metrics["nDCG@10"] > frozen.metrics["nDCG@10"] + 0.05


def test_a_rollback_takes_it_back_bit_for_bit(spawned: Store) -> None:
    grown, first = answers(spawned), answers(spawned, 1)
    assert grown != first
    rollback(spawned, 1, "the night was wrong", documents=True)
    assert answers(spawned) == first
    rollback(spawned, 2, "it was not", documents=True)
    assert answers(spawned) == grown
    assert not spawned.verify()


def test_the_next_expert_may_be_of_another_method(
    spawned: Store, tmp_path: Path, settings: Settings
) -> None:
    """What serves already goes on as it was made."""
    before, there = answers(spawned)[0], spawned.manifest().facts["live_documents"]
    batch = worlds.write_batch(tmp_path / "ore", "ore", range(150))
    with pytest.MonkeyPatch.context() as patch:
        patience.of(patch, 12)
        update(spawned, [batch], settings=replace(settings, expert="lora"))
    with open_live(spawned) as live:
        facts = live.modules.experts
        methods = {name: one.method.removesuffix(HEAD) for name, one in facts.items()}
        assert methods == {"e1": settings.expert, "e2": "lora"}
        assert {name: expert.method for name, expert in live.experts.items()} == methods
    older = [hit.number for hit in answers(spawned)[0] if hit.number < there]
    assert older[:3] == [hit.number for hit in before][:3]


def test_experts_are_not_asked_in_a_form_that_they_were_not_taught(
    spawned: Store, tmp_path: Path, settings: Settings
) -> None:
    other = {"halves": "blend", "blend": "halves"}[settings.compose]
    changed = replace(settings, compose=other)
    before, grown = spawned.manifest(), answers(spawned)
    batch = worlds.write_batch(tmp_path / "sea", "sea", range(300, 310))
    with pytest.raises(UsageError, match=rf'taught for compose = "{settings.compose}", not'):
        update(spawned, [batch], settings=changed)
    assert spawned.manifest() == before
    rollback(spawned, 1, "another form is wanted")
    update(spawned, [batch], settings=changed)
    rollback(spawned, 2, "it is not", documents=True)
    assert answers(spawned) == grown


def test_a_method_that_nobody_knows_is_refused() -> None:
    with pytest.raises(
        UsageError, match=r'expert is "lora" or "prefix" or "mixlora" or "head", not'
    ):
        Settings(expert="prompt")


def test_an_expert_that_is_all_head_needs_a_head() -> None:
    with pytest.raises(UsageError, match=r'nothing but a head: side is "head", not "query"'):
        Settings(expert="head", side="query")
