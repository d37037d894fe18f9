"""Every method of making experts lives through nights: spawned, judged, kept, taken back."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
import worlds

from flows.evaluate import evaluate
from flows.live import open_live
from flows.night import update
from flows.rollback import rollback
from flows.settings import Settings
from nightshift.errors import UsageError
from pipeline import training
from pipeline.experts import prefix
from pipeline.index import Found
from state.store import Store

OTHERS = ["prefix"]
"""Methods that are not the default."""
QUERIES = [worlds.query("law", 3), worlds.query("sea", 4), worlds.query("ore", 5)]


@pytest.fixture(scope="session", params=OTHERS)
def spawned_store(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, first_store: Path
) -> Path:
    """A night about the law, served by a new expert of the method."""
    folder = tmp_path_factory.mktemp(request.param)
    shutil.copytree(first_store, folder / "store")
    batch = worlds.write_batch(folder / "law", "law", range(150), test_from=120)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "EPOCHS", 24)
        patch.setattr(prefix, "TOKENS", 8)
        update(
            Store.open(folder / "store"),
            [batch],
            settings=Settings(expert=request.param, side="query"),
        )
    return folder / "store"


@pytest.fixture
def spawned(spawned_store: Path, tmp_path: Path) -> Store:
    shutil.copytree(spawned_store, tmp_path / "store")
    return Store.open(tmp_path / "store")


def answers(store: Store, version: int | None = None) -> list[list[Found]]:
    with open_live(store, version) as live:
        return live.retriever.ask(QUERIES, 20).found


def test_its_expert_goes_live_and_helps(spawned: Store, spawned_store: Path) -> None:
    [outcome] = spawned.manifest().facts["outcomes"]
    assert outcome["outcome"] == "spawn", outcome["reason"]
    with open_live(spawned) as live:
        facts = live.modules.experts["e1"]
        assert facts.method == live.settings.expert == spawned_store.parent.name[:-1]
        assert facts.parameters == live.experts["e1"].parameter_count
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


def test_the_next_expert_may_be_of_another_method(spawned: Store, tmp_path: Path) -> None:
    """What serves already goes on as it was made."""
    before = answers(spawned)[0]
    batch = worlds.write_batch(tmp_path / "ore", "ore", range(150))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(training, "EPOCHS", 12)
        update(spawned, [batch], settings=Settings(expert="lora", side="query"))
    with open_live(spawned) as live:
        methods = {name: facts.method for name, facts in live.modules.experts.items()}
        assert set(methods.values()) == {"lora", *OTHERS}
        assert {name: expert.method for name, expert in live.experts.items()} == methods
    assert [hit.number for hit in answers(spawned)[0]][:3] == [hit.number for hit in before][:3]


def test_a_method_that_nobody_knows_is_refused() -> None:
    with pytest.raises(UsageError, match=r'expert is "lora" or "prefix", not .prompt.'):
        Settings(expert="prompt")
