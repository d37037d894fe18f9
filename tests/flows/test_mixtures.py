"""A mixture of LoRAs over two nights: it grows for the second kind; the first keeps what it had."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import patience
import pytest
import worlds

from flows.evaluate import evaluate
from flows.live import open_live
from flows.night import update
from flows.rollback import rollback
from flows.settings import Settings
from nightshift.errors import UsageError
from pipeline.experts import mixlora
from pipeline.experts.mixlora import MixLora
from pipeline.index import Found
from state.store import Store

MIXTURE = Settings(expert="mixlora", side="query")
ABOUT_LAW = [worlds.query("law", number) for number in range(5)]


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, first_store: Path) -> Path:
    """Version 2: the law, by a mixture. Version 3: ore, by its heir, which grew everywhere."""
    folder = tmp_path_factory.mktemp("mixtures")
    shutil.copytree(first_store, folder / "store")
    with pytest.MonkeyPatch.context() as patch:
        patience.of(patch, 24)
        patch.setattr(mixlora, "DELTA", 0.0)
        for kind in ("law", "ore"):
            batch = worlds.write_batch(folder / kind, kind, range(150), test_from=120)
            update(Store.open(folder / "store"), [batch], settings=MIXTURE)
    return folder / "store"


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Store:
    shutil.copytree(made, tmp_path / "store")
    return Store.open(tmp_path / "store")


def answers(store: Store, version: int | None = None) -> list[list[Found]]:
    with open_live(store, version) as live:
        return live.retriever.ask(ABOUT_LAW, 20, leg="dense").found


def test_the_second_kind_has_an_heir_of_the_first_one_s_mixture(store: Store) -> None:
    [outcome] = store.manifest().facts["outcomes"]
    assert (outcome["outcome"], outcome["expert"]) == ("spawn", "e2"), outcome["reason"]
    assert "layers [0, 1, 2] of e1 grew" in outcome["reason"]
    with open_live(store) as live:
        first, heir = live.experts["e1"], live.experts["e2"]
        facts = live.modules.experts
    assert isinstance(first, MixLora)
    assert isinstance(heir, MixLora)
    assert heir.inherited == first.sizes
    for name, weight in first.state().items():
        assert (heir.state()[name][: len(weight)] == weight).all()
    assert facts["e2"].parameters == heir.parameter_count < facts["e1"].parameters
    assert store.manifest().facts["expert_parameters"] == sum(
        one.parameters for one in facts.values()
    )


def test_a_mixture_helps_its_kind(store: Store, made: Path) -> None:
    with open_live(store, 2) as live:
        learned = evaluate(live, made.parent / "law", leg="dense")
        frozen = evaluate(live, made.parent / "law", frozen=True)
    assert learned.metrics["nDCG@10"] > frozen.metrics["nDCG@10"] + 0.05


def test_the_first_kind_keeps_its_mixture(store: Store) -> None:
    before, now = store.manifest(2), store.manifest(3)
    assert now.modules["expert/e1"] == before.modules["expert/e1"]
    spoken = []
    for version in (2, 3):
        with open_live(store, version) as live:
            routes = live.retriever.router.route(live.encoder.encode_queries(ABOUT_LAW))
            with live.experts["e1"].attached():
                spoken.append(live.encoder.encode_queries(ABOUT_LAW))
        assert all(max(route, key=lambda name: route[name]) == "e1" for route in routes)
    assert np.array_equal(*spoken)


def test_a_rollback_lets_go_of_the_heir_alone(store: Store) -> None:
    before = answers(store, 2)
    rollback(store, 2, "without the heir", documents=True)
    assert answers(store) == before
    assert not store.verify()


def test_a_mixture_has_no_sum() -> None:
    with pytest.raises(UsageError, match='expert = "mixlora" has no sum for compose = "blend"'):
        Settings(expert="mixlora", compose="blend")
