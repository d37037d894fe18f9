"""A browser, a service on a free port, and stores for it to show."""

from __future__ import annotations

import shutil
import socket
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
import worlds
from page_reader import HOSTILE, TOKEN, Reader
from selenium.webdriver import Chrome

from bench.browser import browser
from flows.bootstrap import bootstrap
from flows.mirror import Mirrored
from flows.night import update
from flows.settings import Settings
from nightshift.server.app import app
from nightshift.server.guard import Door
from nightshift.server.running import address, listen
from nightshift.server.service import Service
from state.store import Store

PATIENCE = 30
Serve = Callable[..., str]


@pytest.fixture(scope="session")
def first_store(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store whose version 1 holds 300 documents about the sea, and one that means harm."""
    folder = tmp_path_factory.mktemp("first")
    corpus = worlds.write_batch(folder / "corpus", "sea", range(300), extra=[HOSTILE])
    encoder = worlds.save_tiny_encoder(folder / "encoder")
    bootstrap(folder / "store", [corpus], encoder=str(encoder))
    return folder / "store"


@pytest.fixture(scope="session")
def grown_store(tmp_path_factory: pytest.TempPathFactory, first_store: Path) -> Path:
    """The same after a night about the law, for which an expert was grown, and one more sea."""
    folder = tmp_path_factory.mktemp("grown")
    shutil.copytree(first_store, folder / "store")
    law = worlds.write_batch(folder / "law", "law", range(240), test_from=200)
    sea = worlds.write_batch(folder / "sea", "sea", range(300, 340), queries=False)
    for batch in (law, sea):
        update(Store.open(folder / "store"), [batch], settings=Settings(train_minutes=1))
    return folder / "store"


@pytest.fixture(scope="session")
def busy_store(tmp_path_factory: pytest.TempPathFactory, grown_store: Path) -> Path:
    """The same after forty more nights of long ago, each with two trials, told at length."""
    store = Store.open(shutil.copytree(grown_store, tmp_path_factory.mktemp("busy") / "store"))
    law, last = store.manifest(2), store.manifest()
    outcome = {**law.facts["outcomes"][0], "reason": "for a reason that takes long to tell " * 3}
    with store.writing():
        for version in range(4, 44):
            size = {"live_documents": 10_000 * version, "seconds": {"train": 539.0}}
            kinds = {**law.facts["kinds"], "k3": "never-yet-judged"}
            facts = {
                **law.facts,
                **size,
                "kinds": kinds,
                "outcomes": [outcome, outcome],
                "shift": str(version),
            }
            came = {"version": version, "parent": version - 1, "time": "2020-02-20T02:00:00+00:00"}
            store.publish(replace(last, **came, kind="night", facts=facts))
    return store.root


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chrome]:
    with browser() as started:
        yield started


@pytest.fixture
def serve(monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """Serve a store at a free port for as long as the test lasts, as if from that host."""
    monkeypatch.setattr("flows.mirror.mirror", lambda store: Mirrored((), (), None))
    running: list[tuple[uvicorn.Server, threading.Thread, socket.socket]] = []

    def start(store: Path, host: str = "127.0.0.1") -> str:
        service = Service(Store.open(store), Door(host, TOKEN))
        listening = listen("127.0.0.1", 0)
        config = uvicorn.Config(app(service), log_level="critical", lifespan="on")
        server = uvicorn.Server(config)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        running.append((server, thread, listening))
        until(lambda: server.started or not thread.is_alive())
        assert server.started
        return address(listening)

    yield start
    for server, thread, listening in running:
        server.should_exit = True
        thread.join(PATIENCE)
        listening.close()


@pytest.fixture
def open_page(chromium: Chrome, serve: Serve, tmp_path: Path) -> Callable[..., Reader]:
    """The page over a copy of a store, read to its end."""

    def opened(store: Path, **served: str) -> Reader:
        copy = shutil.copytree(store, tmp_path / "store")
        return Reader(chromium, serve(copy, **served))

    return opened


@pytest.fixture
def page(open_page: Callable[..., Reader], grown_store: Path) -> Reader:
    """The page over three versions, the second with an expert."""
    return open_page(grown_store)


def until(holds: Callable[[], object]) -> None:
    """Wait for something that a thread will do."""
    ends = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < ends, "it did not come"
        time.sleep(0.02)
