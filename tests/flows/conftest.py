"""One world for all flow tests: a store with a first corpus, made once and copied for each test."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import patience
import pytest
import worlds

from flows.bootstrap import bootstrap
from flows.mirror import QUIET_AND_QUICK
from state.store import Store

# Its asserts tell what they compared, as those of a test do.
pytest.register_assert_rewrite("mlflow_reader")


@pytest.fixture(scope="session")
def encoder_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return worlds.save_tiny_encoder(tmp_path_factory.mktemp("encoder"))


@pytest.fixture(scope="session")
def first_store(tmp_path_factory: pytest.TempPathFactory, encoder_folder: Path) -> Path:
    """A store whose version 1 holds 300 documents about the sea."""
    folder = tmp_path_factory.mktemp("first")
    corpus = worlds.write_batch(folder / "corpus", "sea", range(300))
    bootstrap(folder / "store", [corpus], encoder=str(encoder_folder))
    return folder / "store"


@pytest.fixture
def store(first_store: Path, tmp_path: Path) -> Store:
    shutil.copytree(first_store, tmp_path / "store")
    return Store.open(tmp_path / "store")


@pytest.fixture(scope="session")
def grown_store(tmp_path_factory: pytest.TempPathFactory, first_store: Path) -> Path:
    """The same after a night about the law, for which an expert was grown."""
    from flows.night import update

    folder = tmp_path_factory.mktemp("grown")
    shutil.copytree(first_store, folder / "store")
    batch = worlds.write_batch(folder / "law", "law", range(240), test_from=200)
    update(Store.open(folder / "store"), [batch])
    return folder / "store"


@pytest.fixture(scope="session")
def headed_store(tmp_path_factory: pytest.TempPathFactory, first_store: Path) -> Path:
    """A night about the law: a head gets the steps that a random encoder needs, queries few."""
    from flows.night import update
    from pipeline import training

    folder = tmp_path_factory.mktemp("headed")
    shutil.copytree(first_store, folder / "store")
    batch = worlds.write_batch(folder / "law", "law", range(150), test_from=120)
    with pytest.MonkeyPatch.context() as patch:
        patience.of(patch, 40)
        patch.setattr(training._Course, "batch", 1000)
        update(Store.open(folder / "store"), [batch])
    return folder / "store"


@pytest.fixture
def grown(grown_store: Path, tmp_path: Path) -> Store:
    shutil.copytree(grown_store, tmp_path / "grown")
    return Store.open(tmp_path / "grown")


@pytest.fixture
def told(empty_mlflow: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[Store], Store]:
    """Give a store an MLflow that is ready, and nothing told."""
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name, value in QUIET_AND_QUICK.items():
        monkeypatch.setenv(name, value)

    def prepare(store: Store) -> Store:
        (store.root / "mlflow").mkdir()
        shutil.copy(empty_mlflow, store.root / "mlflow" / "mlflow.db")
        return store

    return prepare


@pytest.fixture
def ready(told: Callable[[Store], Store], grown: Store) -> Store:
    """Versions 1 (first corpus) and 2 (an expert was grown)."""
    return told(grown)
