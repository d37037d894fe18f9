"""A search over HTTP finds what the command and Python find, and a filter loses nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import worlds
from starlette.testclient import TestClient

from nightshift.index import open_index
from nightshift.server.journal import Journal
from pipeline.library import Filter
from state.store import Store

QUERIES = [worlds.query("sea", 3), worlds.query("law", 5), worlds.query("law", 77), "nothing known"]
LEGS = ("both", "dense", "lexical")
EVERY = 1000


def ask(client: TestClient, **form: Any) -> Any:
    answer = client.post("/search", json=form)
    assert answer.status_code == 200, answer.text
    return answer.json()


def same(one: Any, other: Any) -> bool:
    """Equal, numbers to 1e-5."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    if isinstance(one, float) and isinstance(other, float):
        return abs(one - other) <= 1e-5
    return bool(one == other)


@pytest.mark.parametrize("leg", LEGS)
@pytest.mark.parametrize("version", [2, 3])
def test_it_finds_what_the_command_finds(
    client: TestClient, typed: Callable[..., Any], leg: str, version: int
) -> None:
    page = ask(client, queries=QUERIES[:2], k=4, leg=leg, version=version)
    assert page["version"] == version
    for query, answer in zip(QUERIES, page["answers"], strict=False):
        typed_page = typed("search", query, "-k", 4, "--leg", leg, "--version", version)
        assert typed_page.pop("version") == version
        assert same(answer, typed_page)


@pytest.mark.parametrize("leg", LEGS)
def test_an_address_finds_what_a_form_finds(client: TestClient, leg: str) -> None:
    fields = {"query": QUERIES[1], "k": 4, "leg": leg, "version": 2}
    answer = client.get("/search", params=fields)
    assert answer.status_code == 200, answer.text
    assert answer.json() == ask(client, **fields)
    assert len(answer.json()["answers"][0]["hits"]) == 4


@pytest.mark.parametrize(
    "fields", [{}, {"query": " "}, {"query": "\x1d"}, {"query": "x", "k": 0}, {"qery": "x"}]
)
def test_an_address_that_asks_nothing_is_refused(client: TestClient, fields: Any) -> None:
    assert client.get("/search", params=fields).status_code == 422


@pytest.mark.parametrize("leg", LEGS)
def test_many_queries_find_what_each_finds_alone(client: TestClient, made: Path, leg: Any) -> None:
    page = ask(client, queries=QUERIES, leg=leg, version=2)
    with open_index(made, version=2) as index:
        for query, answer in zip(QUERIES, page["answers"], strict=True):
            alone = index.search(query, leg=leg).as_json()
            assert alone.pop("version") == 2
            assert same(answer, json.loads(json.dumps(alone)))
    assert any("e1" in answer["route"] for answer in page["answers"])


def test_an_instruction_means_a_kind(client: TestClient, made: Path) -> None:
    told = ask(client, query=QUERIES[0], instruction="rulings", version=2)["answers"][0]
    with open_index(made, version=2) as index:
        assert same(told["route"], index.search(QUERIES[0], instruction="rulings").route)
    assert told["route"] != ask(client, query=QUERIES[0], version=2)["answers"][0]["route"]


@pytest.mark.parametrize("leg", ["dense", "lexical"])
@pytest.mark.parametrize(
    ("filters", "fits"),
    [
        ({"source": "court"}, lambda hit: hit["source"] == "court"),
        ({"source": ["court", "default"]}, lambda hit: True),
        ({"id_prefix": "sea-1"}, lambda hit: hit["id"].startswith("sea-1")),
        ({"source": "court", "id_prefix": "sea"}, lambda hit: False),
        ({"source": []}, lambda hit: False),
    ],
)
def test_a_filtered_search_finds_the_best_of_what_fits(
    client: TestClient, leg: str, filters: Any, fits: Callable[[Any], bool]
) -> None:
    for query in QUERIES:
        everything = ask(client, query=query, leg=leg, k=EVERY, version=2)["answers"][0]["hits"]
        expected = [hit for hit in everything if fits(hit)][:7]
        for rank, hit in enumerate(expected, start=1):
            hit["rank"] = rank
        found = ask(client, query=query, leg=leg, k=7, version=2, filters=filters)["answers"][0]
        assert same(found["hits"], expected)


def test_a_filter_by_segment(client: TestClient) -> None:
    hits = ask(client, query=QUERIES[1], k=EVERY, version=2)["answers"][0]["hits"]
    there = {hit["segment"] for hit in hits}
    assert len(there) == 2
    for segment in there:
        page = ask(client, query=QUERIES[1], k=EVERY, version=2, filters={"segment": segment})
        found = page["answers"][0]["hits"]
        assert {hit["segment"] for hit in found} == {segment}
        assert len(found) == sum(hit["segment"] == segment for hit in hits)


def test_a_filter_is_python_s_too(client: TestClient, made: Path) -> None:
    page = ask(client, query=QUERIES[2], version=2, filters={"source": "court"})
    with open_index(made, version=2) as index:
        alone = index.search(QUERIES[2], where=Filter(sources=("court",)))
    assert same(page["answers"][0], {k: v for k, v in alone.as_json().items() if k != "version"})


def test_searches_are_written_down_line_by_line(
    serve: Callable[..., TestClient], store: Store, tmp_path: Path
) -> None:
    file = tmp_path / "searches.jsonl"
    client = serve(store, searches=Journal(file))
    page = ask(client, queries=QUERIES[:2], k=2)
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert [line["query"] for line in lines] == QUERIES[:2]
    for line, answer in zip(lines, page["answers"], strict=True):
        assert line["version"] == 3
        assert line["route"] == answer["route"]
        assert line["hits"] == [[hit["source"], hit["id"]] for hit in answer["hits"]]
        assert line["time"].startswith("20")
    assert file.stat().st_mode & 0o077 == 0


def test_clicks_are_kept_where_the_service_was_told_to(
    serve: Callable[..., TestClient], store: Store, tmp_path: Path
) -> None:
    click = {"query": "tides", "document": {"source": "court", "id": "law-3"}, "version": 3}
    file = tmp_path / "clicks.jsonl"
    client = serve(store, clicks=Journal(file))
    assert client.post("/click", json=click).json() == {"kept": True}
    assert client.post("/click", json={**click, "rank": 2}).json() == {"kept": True}
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert all(line.pop("time") for line in lines)
    first = {"query": "tides", "version": 3, "source": "court", "id": "law-3"}
    assert lines == [first, {**first, "rank": 2}]


def test_without_a_place_for_clicks_none_is_kept(client: TestClient) -> None:
    click = {"query": "tides", "document": {"source": "court", "id": "law-3"}, "version": 3}
    assert client.post("/click", json=click).json() == {"kept": False}
