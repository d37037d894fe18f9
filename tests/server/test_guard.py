"""Who may come in, and who may not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient
from typer.testing import CliRunner

from nightshift.errors import UsageError
from nightshift.server.guard import Door, Pace
from nightshift.server.limits import Limits
from nightshift.server.refusals import Refused
from state.store import Store

TOKEN = "correct horse"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
ABROAD = Door("192.0.2.7", TOKEN)
WISH = {"version": 2, "reason": "a test"}
ASKED = [
    ("GET", "/versions"),
    ("GET", "/versions/1"),
    ("GET", "/versions/1/difference/2"),
    ("GET", "/experts"),
    ("GET", "/metrics"),
    ("GET", "/openapi.json"),
    ("GET", "/nothing/here"),
    ("GET", "/search"),
    ("POST", "/search"),
    ("POST", "/click"),
    ("POST", "/rollback"),
    ("POST", "/approve"),
    ("POST", "/reject"),
]
Serve = Callable[..., TestClient]


def test_beyond_this_machine_everything_but_health_and_the_page_needs_the_token(
    serve: Serve, store: Store
) -> None:
    client = serve(store, door=ABROAD)
    for given in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
        for method, path in ASKED:
            answer = client.request(method, path, headers=given, json={})
            assert answer.status_code == 401, path
            assert answer.headers["www-authenticate"] == "Bearer"
            assert answer.json()["error"] == "the token is missing or wrong"
    for path in ("/health", "/", "/page/index.html"):
        assert client.get(path).status_code == 200
    assert client.get("/page/../versions").status_code != 200
    assert client.get("/page/%2e%2e/versions").status_code != 200
    assert client.get("/versions", headers=BEARER).status_code == 200
    assert client.post("/search", json={"query": "tides"}, headers=BEARER).status_code == 200


def test_on_this_machine_only_a_rollback_needs_it(serve: Serve, store: Store) -> None:
    client = serve(store, door=Door(token=TOKEN))
    assert client.get("/versions").status_code == 200
    assert client.post("/rollback", json=WISH).status_code == 401
    assert store.head().version == 3
    assert client.post("/rollback", json=WISH, headers=BEARER).status_code == 200
    assert store.head().version == 4


def test_without_a_token_there_is_no_rollback(serve: Serve, store: Store) -> None:
    answer = serve(store).post("/rollback", json=WISH, headers=BEARER)
    assert answer.status_code == 403
    assert "NIGHTSHIFT_TOKEN" in answer.json()["try"]
    assert store.head().version == 3


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "", "[::2]", "x@127.0.0.1"]
)
def test_a_strange_name_for_this_machine_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/versions", headers={"Host": host})
    assert answer.status_code == 421
    assert "name" in answer.json()["error"]


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8765", "127.0.0.1:1", "[::1]:8765"])
def test_its_own_names_are_known(client: TestClient, host: str) -> None:
    assert client.get("/versions", headers={"Host": host}).status_code == 200


def test_other_sites_may_not_ask_through_a_browser(client: TestClient) -> None:
    form = {"query": "tides"}
    for origin in ("http://evil.example", "null", "http://127.0.0.1:9999"):
        answer = client.post("/search", json=form, headers={"Origin": origin})
        assert answer.status_code == 403
        assert "access-control-allow-origin" not in answer.headers
    own = {"Origin": "http://127.0.0.1:8765"}
    assert client.post("/search", json=form, headers=own).status_code == 200


def test_a_picture_in_a_page_of_somebody_elses_asks_nothing(client: TestClient) -> None:
    def status(path: str, site: str) -> int:
        return client.get(path, headers={"Sec-Fetch-Site": site}).status_code

    for path in ("/search?query=sea", "/versions"):
        assert status(path, "cross-site") == 403
        assert {status(path, site) for site in ("same-origin", "same-site", "none")} == {200}
    assert status("/", "cross-site") == 200, "a link to the page may be followed"


def test_a_form_of_another_site_is_no_json(client: TestClient) -> None:
    headers = {"Content-Type": "text/plain"}
    assert client.post("/search", content='{"query": "x"}', headers=headers).status_code == 422


def test_every_answer_has_safe_headers(client: TestClient) -> None:
    for path in ("/health", "/nothing", "/versions/99"):
        headers = client.get(path).headers
        assert headers["content-security-policy"].startswith("default-src 'self';")
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["x-frame-options"] == "DENY"
        assert "server" not in headers


def test_too_many_requests_of_one_client_are_refused(serve: Serve, store: Store) -> None:
    client = serve(store, limits=Limits(rate=0.001))
    answer = client.get("/versions")
    assert answer.status_code == 429
    assert answer.headers["retry-after"] == "1"
    assert answer.json()["error"] == "too many requests from you"
    assert client.get("/health").status_code == 200


def test_a_bucket_holds_two_seconds_and_refills() -> None:
    pace = Pace(rate=5)
    for _ in range(10):
        pace.check("a", now=0.0)
    with pytest.raises(Refused):
        pace.check("a", now=0.0)
    pace.check("b", now=0.0)
    pace.check("a", now=0.2)
    with pytest.raises(Refused):
        pace.check("a", now=0.2)


def test_beyond_this_machine_nothing_is_served_without_a_token(
    made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from nightshift.cli.main import app as command

    monkeypatch.delenv("NIGHTSHIFT_TOKEN", raising=False)
    done = CliRunner().invoke(command, ["serve", "--store", str(made), "--host", "0.0.0.0"])
    assert isinstance(done.exception, UsageError)
    assert "no token" in done.exception.message
    assert done.exception.hint is not None
    assert "NIGHTSHIFT_TOKEN=" in done.exception.hint


def test_a_token_is_never_shown() -> None:
    assert TOKEN not in repr(ABROAD)
