"""What may be read over HTTP is what the command prints with --json."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import worlds
from starlette.testclient import TestClient

from state.store import Store

Typed = Callable[..., Any]
Serve = Callable[..., TestClient]


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("/versions", ["history"]),
        ("/versions/2", ["show", 2]),
        ("/versions/1/difference/2", ["diff", 1, 2]),
        ("/versions/2/difference/1", ["diff", 2, 1]),
        ("/experts", ["experts"]),
        ("/experts?version=2", ["experts", "--version", 2]),
    ],
)
def test_every_page_says_what_the_command_says(
    client: TestClient, typed: Typed, path: str, words: list[object]
) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.json() == typed(*words)


def test_traffic_counts_queries_by_the_experts_on_their_routes(serve: Serve, made: Path) -> None:
    client = serve(Store.open(made))
    law = {"query": worlds.query("law", 5), "version": 2}
    route = client.post("/search", json=law).json()["answers"][0]["route"]
    client.post("/search", json={**law, "leg": "lexical"})
    client.post("/search", json={"queries": [worlds.query("sea", 3)] * 2})
    seen = client.get("/traffic").json()
    assert seen["queries"] == 3
    assert seen["by_expert"]["e1"] == 1
    assert seen["by_expert"]["frozen"] == 2 + ("frozen" in route)
    assert 'nightshift_queries_total{expert="e1"} 1.0' in client.get("/metrics").text


def test_health_says_what_is_served(client: TestClient) -> None:
    page = client.get("/health").json()
    night = page.pop("last_night")
    assert page == {"version": 3, "documents": 210, "experts": 0}
    assert 0 < night < 3600
