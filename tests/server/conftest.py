"""A service over a store of two sources and three versions, asked as a client would ask it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import worlds
from starlette.testclient import TestClient
from typer.testing import CliRunner

from flows.bootstrap import bootstrap
from flows.mirror import Mirrored
from flows.night import update
from flows.rollback import rollback
from nightshift.cli.main import app as command
from nightshift.server.app import app
from nightshift.server.service import Service
from state.store import Store

HERE = "http://127.0.0.1:8765"
Serve = Callable[..., TestClient]


@pytest.fixture(autouse=True)
def _mlflow_is_told_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("flows.mirror.mirror", lambda store: Mirrored((), (), None))


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Version 1: the sea. Version 2: the law too, from another source, with an expert. Version 3:
    the expert taken back.
    """
    folder = tmp_path_factory.mktemp("served")
    encoder = worlds.save_tiny_encoder(folder / "encoder")
    bootstrap(
        folder / "store",
        [worlds.write_batch(folder / "sea", "sea", range(60))],
        encoder=str(encoder),
    )
    law = worlds.write_batch(folder / "law", "law", range(150))
    (law / "batch.json").write_text(json.dumps({"source": "court", "label": "rulings"}))
    store = Store.open(folder / "store")
    update(store, [law])
    assert store.manifest().facts["live_experts"] == ["e1"]
    rollback(store, 1, "to see how it was")
    return folder / "store"


@pytest.fixture
def store(made: Path, tmp_path: Path) -> Store:
    """A copy for a test that changes it."""
    shutil.copytree(made, tmp_path / "store")
    return Store.open(tmp_path / "store")


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start the service over a store; it stops with the test."""
    with ExitStack() as running:

        def start(store: Store, **told: Any) -> TestClient:
            client = TestClient(app(Service(store, **told)), HERE, client=("127.0.0.1", 50_000))
            return running.enter_context(client)

        yield start


@pytest.fixture(scope="session")
def client(made: Path) -> Iterator[TestClient]:
    """A service that all tests share which only read."""
    with TestClient(app(Service(Store.open(made))), HERE, client=("127.0.0.1", 50_000)) as client:
        yield client


@pytest.fixture
def typed(made: Path) -> Callable[..., Any]:
    """What the command prints with --json about the same store."""

    def run(*words: object) -> Any:
        done = CliRunner().invoke(command, [*map(str, words), "--store", str(made), "--json"])
        assert done.exit_code == 0, done.output
        return json.loads(done.stdout)

    return run
