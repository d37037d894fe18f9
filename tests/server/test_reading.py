"""What may be read over HTTP is what the command prints with --json."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.testclient import TestClient

Typed = Callable[..., Any]


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


def test_health_says_what_is_served(client: TestClient) -> None:
    page = client.get("/health").json()
    night = page.pop("last_night")
    assert page == {"version": 3, "documents": 210, "experts": 0}
    assert 0 < night < 3600
