"""An MLflow that refuses, hangs, fails or drips: soon given up, and every version still waits."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from flows import mirror as mirrors
from flows.mirror import mirror
from state.manifest import Manifest
from state.outbox import destination, telling, waiting
from state.store import Store

Answer = Callable[[socket.socket], None]
ENOUGH = 60.0
"""Seconds that a busy machine may take to start a process and import MLflow, and more."""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    store = Store.create(tmp_path / "store")
    with store.writing():
        for number in (1, 2):
            parent = number - 1 or None
            when = "2031-05-01T02:00:00+00:00"
            store.publish(Manifest(number, parent, when, "night", "", {}, {}, {}, {}))
    return store


@contextmanager
def serving(answer: Answer) -> Iterator[int]:
    """A server on a port of its own that treats every connection like this."""
    listener = socket.create_server(("127.0.0.1", 0))
    ended = threading.Event()
    connections: list[socket.socket] = []

    def serve() -> None:
        while not ended.is_set():
            with suppress(OSError):
                connection, _ = listener.accept()
                connections.append(connection)
                threading.Thread(target=treat, args=(connection,), daemon=True).start()

    def treat(connection: socket.socket) -> None:
        with suppress(OSError):
            answer(connection)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield listener.getsockname()[1]
    finally:
        ended.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in connections:
            connection.close()
        thread.join()


def hangs(connection: socket.socket) -> None:
    connection.recv(65536)


def fails(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 500 Internal Server Error\r\nContent-Length: 4\r\n\r\noops")


def drips(connection: socket.socket) -> None:
    connection.recv(65536)
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    while True:
        connection.sendall(b" ")
        time.sleep(0.2)


@pytest.mark.parametrize(
    ("answer", "said"), [(hangs, "timed out"), (fails, "500"), (None, "Connection refused")]
)
def test_it_is_given_up_soon_and_nothing_is_lost(
    answer: Answer | None, said: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "3")
    with serving(answer or hangs) as port:
        address = port if answer else 1
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://me:secret@127.0.0.1:{address}")
        started = time.monotonic()
        mirrored = mirror(store)
        took = time.monotonic() - started
        left = waiting(store, destination(store.root))
    assert mirrored.told == ()
    assert mirrored.waiting == (1, 2)
    assert [manifest.version for manifest in left] == [1, 2]
    assert said in str(mirrored.error)
    assert "secret" not in str(mirrored.error)
    assert "\n" not in str(mirrored.error)
    assert took < ENOUGH


def test_one_that_drips_is_ended(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirrors, "PATIENCE", 8.0)
    with serving(drips) as port:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{port}")
        started = time.monotonic()
        mirrored = mirror(store)
    assert mirrored.error == "it did not get through within 8 seconds"
    assert mirrored.waiting == (1, 2)
    assert time.monotonic() - started < ENOUGH
    with telling(store.root):
        pass


def test_an_outbox_that_cannot_be_written_is_no_reason_to_fail(store: Store) -> None:
    (store.root / "outbox").write_text("a file where the folder should be")
    mirrored = mirror(store)
    assert mirrored.told == ()
    assert mirrored.error is not None
