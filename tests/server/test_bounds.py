"""What is too much, too long or not understood is refused in one sentence, with what to try."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from nightshift.index import Index
from nightshift.server.guard import Door
from nightshift.server.limits import CHARACTERS, QUERIES, K, Limits
from state import pins
from state.retention import gc
from state.store import Store

Serve = Callable[..., TestClient]


def refusal(answer: Any, status: int) -> str:
    """The sentence; the answer has that status and that form."""
    assert answer.status_code == status, answer.text
    page = answer.json()
    assert page.keys() == {"error", "try"}
    assert page["try"]
    return str(page["error"])


@pytest.mark.parametrize(
    ("form", "place"),
    [
        ({}, "either"),
        ({"query": "a", "queries": ["b"]}, "either"),
        ({"query": ""}, "query"),
        ({"query": " \n\t"}, "query"),
        ({"query": "\x1c"}, "query: it says nothing"),
        ({"queries": ["x", "\x1f\x1c"]}, "queries: it says nothing"),
        ({"query": "x" * (CHARACTERS + 1)}, "query"),
        ({"query": 7}, "query"),
        ({"query": "\ud800"}, "query"),
        ({"queries": []}, "queries"),
        ({"queries": ["x"] * (QUERIES + 1)}, "queries"),
        ({"queries": ["x"] * 11, "k": K}, "at most"),
        ({"query": "x", "k": 0}, "k"),
        ({"query": "x", "k": K + 1}, "k"),
        ({"query": "x", "k": True}, "k"),
        ({"query": "x", "leg": "none"}, "leg"),
        ({"query": "x", "filter": {"source": "a"}}, "filter"),
        ({"query": "x", "filters": {"colour": "red"}}, "filters.colour"),
        ({"query": "x", "filters": {"source": 1}}, "filters.source"),
        ({"query": "x", "version": 0}, "version"),
        ([], "body"),
    ],
)
def test_a_form_that_is_wrong(client: TestClient, form: Any, place: str) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/search", content=json.dumps(form), headers=headers)
    assert place in refusal(answer, 422)


@pytest.mark.parametrize("content", [b"", b"{", b"[" * 100_000, b"\xff", b'{"k": ' + b"9" * 9999])
def test_bytes_that_are_no_json(client: TestClient, content: bytes) -> None:
    headers = {"Content-Type": "application/json"}
    answer = client.post("/search", content=content, headers=headers)
    assert answer.status_code in (400, 422)
    refusal(answer, answer.status_code)


def test_addresses_and_methods_that_there_are_not(client: TestClient) -> None:
    assert refusal(client.get("/nothing"), 404) == "there is nothing at this address"
    assert refusal(client.get("/click"), 405) == "GET is not understood here"
    assert refusal(client.put("/versions"), 405) == "PUT is not understood here"
    assert "version" in refusal(client.get("/versions/first"), 422)
    assert "version 99" in refusal(client.get("/versions/99"), 404)
    assert "version 99" in refusal(client.get("/experts?version=99"), 404)
    assert "version 99" in refusal(client.get("/versions/1/difference/99"), 404)
    answer = client.post("/search", json={"query": "x", "version": 99})
    assert "version 99" in refusal(answer, 404)


@pytest.mark.parametrize("told", [True, False])
def test_a_body_that_is_too_large(client: TestClient, told: bool) -> None:
    def pieces() -> Iterator[bytes]:
        for _ in range(3):
            yield b"x" * 2**19

    answer = client.post("/search", content=b"x" * (2**20 + 1) if told else pieces())
    assert "1,048,576 bytes" in refusal(answer, 413)


def test_a_version_whose_objects_were_collected(serve: Serve, store: Store) -> None:
    gc(store, 1)
    assert store.manifest().version == 3
    assert not pins.pinned(store)
    client = serve(store)
    answer = client.post("/search", json={"query": "x", "version": 2})
    assert "collected" in refusal(answer, 410)
    assert "collected" in refusal(client.get("/experts?version=2"), 410)
    assert client.get("/versions/2").status_code == 200


def test_a_request_that_takes_too_long_and_those_that_wait_behind_it(
    serve: Serve, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    may_go_on = threading.Event()
    search = Index.search_many

    def slow(self: Index, *args: Any) -> Any:
        may_go_on.wait()
        return search(self, *args)

    monkeypatch.setattr(Index, "search_many", slow)
    client = serve(store, limits=Limits(seconds=0.1, waiting=2))
    try:
        told = refusal(client.post("/search", json={"query": "x"}), 504)
        assert told == "no answer within 0.1 seconds"
        assert refusal(client.post("/search", json={"queries": ["x", "y"]}), 504) == told
        answer = client.post("/search", json={"queries": ["x", "y"]})
        assert refusal(answer, 503) == "too many queries are waiting"
        assert answer.headers["retry-after"]
    finally:
        may_go_on.set()


def test_another_writer_is_busy(serve: Serve, store: Store) -> None:
    client = serve(store, door=Door(token="t"))
    headers = {"Authorization": "Bearer t"}
    with Store.open(store.root).writing():
        answer = client.post("/rollback", json={"reason": "x"}, headers=headers)
    assert "is writing to the store" in refusal(answer, 503)
    assert answer.headers["retry-after"]


def test_what_nobody_foresaw_is_told_without_a_trace(
    serve: Serve, store: Store, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(self: Index, *args: Any) -> Any:
        raise RuntimeError("a secret\nof two lines")

    monkeypatch.setattr(Index, "search_many", broken)
    client = serve(store)
    capsys.readouterr()
    answer = client.post("/search", json={"query": "x"})
    assert refusal(answer, 500) == "something broke: RuntimeError"
    [line] = capsys.readouterr().err.splitlines()
    assert line.endswith("RuntimeError: a secret of two lines")
    monkeypatch.undo()
    assert client.post("/search", json={"query": "x"}).status_code == 200


def test_a_store_that_cannot_be_opened_any_more(serve: Serve, store: Store) -> None:
    client = serve(store)
    head = store.root / "HEAD"
    there = head.read_bytes()
    head.unlink()
    assert "HEAD is missing" in refusal(client.get("/health"), 503)
    head.write_bytes(there)
    assert client.get("/health").status_code == 200


def test_a_page_and_its_files(serve: Serve, store: Store, tmp_path: Path) -> None:
    folder = tmp_path / "page"
    folder.mkdir()
    (folder / "index.html").write_text("<!doctype html>")
    (folder / "page.js").write_text("1")
    (folder / "page.css").write_text("a{}")
    (tmp_path / "secret").write_text("no")
    (folder / "link").symlink_to(tmp_path / "secret")
    client = serve(store, page=folder)
    types = {"/": "text/html", "/page/page.js": "text/javascript", "/page/page.css": "text/css"}
    for path, kind in types.items():
        answer = client.get(path)
        assert answer.status_code == 200
        assert answer.headers["content-type"].startswith(kind)
    outside = ("..%2fsecret", "%2e%2e/secret", "..%5csecret", "link", "%2fetc%2fpasswd", "x")
    for name in (*outside, "." * 300, "x" * 5000, "%00"):
        refusal(client.get(f"/page/{name}"), 404)
    refusal(client.post("/page/page.js"), 405)
