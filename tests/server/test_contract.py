"""A client that knows the service's OpenAPI and nothing else: whatever it sends, there is an answer
of the form that was promised, and never a 5xx.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator
from starlette.testclient import TestClient

from nightshift.server.app import app
from nightshift.server.guard import Door
from nightshift.server.limits import Limits
from nightshift.server.service import Service
from state.store import Store

HERE = "http://127.0.0.1:8765"

ENDS = [
    ("get", "/traffic"),
    ("get", "/versions"),
    ("get", "/versions/{version}"),
    ("get", "/versions/{a}/difference/{b}"),
    ("get", "/experts"),
    ("get", "/health"),
    ("get", "/metrics"),
    ("get", "/search"),
    ("post", "/search"),
    ("post", "/click"),
    ("post", "/rollback"),
    ("post", "/approve"),
    ("post", "/reject"),
]
Schema = dict[str, Any]
WILD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)
"""JSON of any shape; floats may be what JSON has no word for."""


@pytest.fixture(scope="module")
def client(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A service that lets this client do everything, over a store of its own."""
    store = Store.open(shutil.copytree(made, tmp_path_factory.mktemp("own") / "store"))
    service = Service(store, Door(token="t"), Limits(rate=0))
    with TestClient(app(service), HERE, headers={"Authorization": "Bearer t"}) as client:
        yield client


@pytest.fixture(scope="module")
def described(client: TestClient) -> Schema:
    page: Schema = client.get("/openapi.json").json()
    return page


def test_every_end_is_described_and_here(described: Schema) -> None:
    there = [(method, path) for path, ways in described["paths"].items() for method in ways]
    assert sorted(there) == sorted(ENDS)


@pytest.mark.parametrize(("method", "path"), ENDS)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(data=st.data())
def test_whatever_is_sent_the_answer_has_its_form(
    client: TestClient, described: Schema, method: str, path: str, data: st.DataObject
) -> None:
    end = described["paths"][path][method]
    known = described["components"]["schemas"]
    address, query = path, {}
    for one in end.get("parameters", []):
        value = data.draw(sometimes(fitting(one["schema"], known), st.text(max_size=8)))
        if one["in"] == "path":
            address = address.replace(f"{{{one['name']}}}", quote(str(value), safe="") or "0")
        elif value is not None:
            query[one["name"]] = str(value).encode(errors="replace")
    content = None
    if "requestBody" in end:
        form = end["requestBody"]["content"]["application/json"]["schema"]
        content = json.dumps(data.draw(sometimes(fitting(form, known), WILD)))
    answer = client.request(
        method,
        address,
        params=query,
        content=content,
        headers={"Content-Type": "application/json"} if content is not None else {},
    )
    assert answer.status_code < 500, answer.text
    promised = end["responses"]
    form = promised.get(str(answer.status_code), promised["default"])["content"]
    if "application/json" in form:
        schema = {**form["application/json"]["schema"], "components": {"schemas": known}}
        Draft202012Validator(schema).validate(answer.json())
    else:
        assert answer.text.startswith("# HELP")


def sometimes(usual: st.SearchStrategy[Any], wild: st.SearchStrategy[Any]) -> Any:
    """The usual three times of four."""
    return st.integers(0, 3).flatmap(lambda n: wild if n == 0 else usual)


def fitting(schema: Schema, known: Schema) -> st.SearchStrategy[Any]:
    """Values as a schema describes them, at its edges and a little beyond."""
    if "$ref" in schema:
        return fitting(known[schema["$ref"].rpartition("/")[2]], known)
    if "anyOf" in schema:
        return st.one_of([fitting(one, known) for one in schema["anyOf"]])
    if "enum" in schema:
        return st.sampled_from(schema["enum"])
    kind = schema.get("type")
    if kind == "object":
        parts = {name: fitting(one, known) for name, one in schema.get("properties", {}).items()}
        must = set(schema.get("required", ()))
        return st.fixed_dictionaries(
            {name: parts[name] for name in parts if name in must},
            optional={name: parts[name] for name in parts if name not in must},
        )
    if kind == "array":
        return st.lists(fitting(schema["items"], known), max_size=4)
    if kind == "integer":
        least, most = schema.get("minimum", 0), schema.get("maximum", 1000)
        near = [least - 1, least, least + 1, least + 2, most, most + 1]
        return st.sampled_from(near) | st.integers(least, most)
    return {
        "string": st.text(max_size=20)
        | st.sampled_from(["court", "law", "sea-1 lawtopicaa", "\0"]),
        "boolean": st.booleans(),
        "null": st.none(),
    }[str(kind)]
