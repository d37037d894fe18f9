"""DDR's two phases as a user goes through them: tune, migrate, and nights with prefixes."""

from __future__ import annotations

import shutil
from pathlib import Path

import patience
import pytest
import worlds

from flows.live import open_live
from flows.migration import migrate
from flows.night import update
from flows.rollback import rollback
from flows.settings import Settings
from flows.tuning import tune
from nightshift.errors import EncoderError, NothingToDo, UsageError
from pipeline.checkpoint import locate
from pipeline.encoder import Encoder
from pipeline.experts import prefix
from pipeline.index import Found
from state.store import Store

QUERIES = [worlds.query("law", 3), worlds.query("sea", 4)]
DDR = Settings(expert="prefix", compose="blend", router="top-k", side="query")


@pytest.fixture(scope="session")
def lived(tmp_path_factory: pytest.TempPathFactory, first_store: Path) -> Path:
    """1 the first corpus; 2 by the tuned encoder; 3 a night about the law."""
    folder = tmp_path_factory.mktemp("tuned")
    shutil.copytree(first_store, folder / "store")
    store = Store.open(folder / "store")
    batch = worlds.write_batch(folder / "law", "law", range(150), test_from=120)
    with pytest.MonkeyPatch.context() as patch:
        patience.of(patch, 24)
        patch.setattr(prefix, "TOKENS", 8)
        before = store.manifest()
        done = tune(store, folder / "encoder")
        assert store.manifest() == before
        assert done.training.losses[-1] < done.training.losses[0]
        assert sum(done.queries.values()) > 500
        moved = migrate(store, str(folder / "encoder"), anyway=True)
        assert moved.changes
        update(store, [batch], settings=DDR)
    return folder


@pytest.fixture
def store(lived: Path, tmp_path: Path) -> Store:
    shutil.copytree(lived / "store", tmp_path / "store")
    return Store.open(tmp_path / "store")


def answers(store: Store, version: int | None = None) -> list[list[Found]]:
    with open_live(store, version) as live:
        return live.retriever.ask(QUERIES, 20).found


def test_every_passage_stands_behind_the_general_prefix(store: Store, lived: Path) -> None:
    with open_live(store) as live, open_live(store, 1) as plain:
        assert live.encoder.checkpoint.general
        number = live.library.number_of["default", "law-7"]
        encoder = Encoder(locate(str(lived / "encoder")))
        wanted = encoder.encode_documents(live.library.texts(number)).vectors
        assert live.library.vectors(number) == pytest.approx(wanted, abs=1e-5)
        assert live.encoder.fingerprint != plain.encoder.fingerprint


def test_a_kind_gets_a_prefix_that_is_added_to_it(store: Store) -> None:
    [outcome] = store.manifest(3).facts["outcomes"]
    assert (outcome["outcome"], outcome["expert"]) == ("spawn", "e1"), outcome["reason"]
    with open_live(store) as live:
        assert live.modules.experts["e1"].method == "prefix"
        assert live.modules.router.rule == "top-k"
        [route] = live.retriever.ask(QUERIES[:1], 3).routes
        assert route["e1"] > 0.5
        assert live.retriever.ask(QUERIES[:1], 3).found != (
            live.retriever.ask_frozen(QUERIES[:1], 3, leg="both").found
        )


def test_each_phase_is_taken_back_and_brought_back(store: Store) -> None:
    found = {version: answers(store, version) for version in (1, 2, 3)}
    assert found[1] != found[2] != found[3]
    rollback(store, 2, "without the expert", documents=True)
    assert answers(store) == found[2]
    rollback(store, 1, "without the general prefix", documents=True)
    assert answers(store) == found[1]
    rollback(store, 3, "with both", documents=True)
    assert answers(store) == found[3]
    assert not store.verify()


def test_a_few_questions_tune_nothing_and_leave_no_folder(
    tmp_path: Path, encoder_folder: Path
) -> None:
    from flows.bootstrap import bootstrap

    few = worlds.write_batch(tmp_path / "few", "sea", range(60), test_from=10)
    bootstrap(tmp_path / "store", [few], encoder=str(encoder_folder))
    with pytest.raises(NothingToDo, match="real questions are too few"):
        tune(Store.open(tmp_path / "store"), tmp_path / "encoder")
    assert not (tmp_path / "encoder").exists()


def test_an_encoder_that_takes_no_prefix_is_refused_with_a_way_on(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prefix, "LEAST_ROOM", 1000)
    with pytest.raises(EncoderError, match="prefix experts do not work on") as refusal:
        tune(store, tmp_path / "encoder")
    assert refusal.value.hint == "nightshift migrate --encoder ANOTHER"
    assert not (tmp_path / "encoder").exists()


def test_a_folder_that_is_there_is_left_alone(store: Store, lived: Path) -> None:
    with pytest.raises(UsageError, match="exists already"):
        tune(store, lived / "encoder")
