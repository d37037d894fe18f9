"""A person's word about an expert that waits, over HTTP."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import worlds
from starlette.testclient import TestClient

from flows import approval
from flows.night import update
from flows.rollback import rollback
from flows.settings import Settings
from nightshift.server.guard import Door
from pipeline.gate import Change
from state.store import Store

BEARER = {"Authorization": "Bearer t"}
Serve = Callable[..., TestClient]


@pytest.fixture(scope="module")
def waiting_store(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """After one more night, about the law, whose expert waits."""
    folder = tmp_path_factory.mktemp("waiting")
    shutil.copytree(made, folder / "store")
    store = Store.open(folder / "store")
    rollback(store, 1, "before the law", documents=True)
    law = worlds.write_batch(folder / "law", "law", range(150))
    update(store, [law], settings=Settings(approval="manual"))
    return folder / "store"


@pytest.fixture
def waiting(waiting_store: Path, tmp_path: Path) -> Store:
    shutil.copytree(waiting_store, tmp_path / "store")
    return Store.open(tmp_path / "store")


def test_an_expert_that_waits_serves_once_it_is_approved(serve: Serve, waiting: Store) -> None:
    client = serve(waiting, door=Door(token="t"))
    *_, one = client.get("/experts").json()
    assert (one["waits"], one["serves"]) == (True, [])
    word = {"expert": one["name"], "reason": "it helps"}
    assert client.post("/approve", json=word).status_code == 401
    done = client.post("/approve", json=word, headers=BEARER)
    assert (done.status_code, done.json()["version"]) == (200, 6)
    *_, one = client.get("/experts").json()
    assert one["waits"] is False
    assert one["serves"]
    assert client.get("/versions").json()[-1]["reason"] == "it helps"
    again = client.post("/approve", json=word, headers=BEARER)
    assert again.status_code == 422
    assert "does not wait for approval" in again.json()["error"]


def test_one_that_is_rejected_waits_no_more(serve: Serve, waiting: Store) -> None:
    client = serve(waiting, door=Door(token="t"))
    name = client.get("/experts").json()[-1]["name"]
    assert client.post("/reject", json={"expert": name}, headers=BEARER).status_code == 422
    done = client.post("/reject", json={"expert": name, "reason": "no"}, headers=BEARER)
    assert done.json()["version"] == 6
    assert not any(one["waits"] for one in client.get("/experts").json())


def test_who_would_harm_somebody_is_not_approved(
    serve: Serve, waiting: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(approval, "measured", lambda gains: {"k1": Change(-0.03, -0.04, -0.02)})
    client = serve(waiting, door=Door(token="t"))
    name = client.get("/experts").json()[-1]["name"]
    refused = client.post("/approve", json={"expert": name}, headers=BEARER)
    assert refused.status_code == 409
    assert refused.json()["error"].endswith("k1 would lose 3.0 points")
    assert waiting.head().version == 5
