"""Manifests: a page of JSON that comes back as it went."""

from __future__ import annotations

import dataclasses
import json
import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from nightshift.errors import StoreDamaged, StoreError
from state.manifest import FORMAT, Manifest

TEXT = st.text(st.characters(codec=None), max_size=8)
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
FACTS = st.dictionaries(TEXT, JSON, max_size=4)
NAMES = st.dictionaries(TEXT, st.text("0123456789abcdef", min_size=64, max_size=64), max_size=4)
MANIFESTS = st.builds(
    Manifest,
    version=st.integers(1),
    parent=st.none() | st.integers(1),
    time=TEXT,
    kind=TEXT,
    reason=TEXT,
    encoder=FACTS,
    index=NAMES,
    modules=NAMES,
    facts=FACTS,
    parent_digest=st.none() | TEXT,
)
PLAIN = Manifest(1, None, "2031-05-01T02:00:00Z", "init", "first", {}, {}, {}, {})


@given(MANIFESTS)
def test_what_is_written_comes_back(manifest: Manifest) -> None:
    assert Manifest.from_bytes(manifest.to_bytes()) == manifest


@given(MANIFESTS)
def test_equal_manifests_have_equal_bytes(manifest: Manifest) -> None:
    facts = dict(reversed(list(manifest.facts.items())))
    assert dataclasses.replace(manifest, facts=facts).to_bytes() == manifest.to_bytes()


@given(MANIFESTS)
def test_the_page_is_json_that_says_its_format(manifest: Manifest) -> None:
    data = manifest.to_bytes()
    assert data.endswith(b"}\n")
    assert json.loads(data)["format"] == FORMAT


def test_objects_are_named_once_and_sorted() -> None:
    manifest = dataclasses.replace(
        PLAIN, index={"tombstones": "b", "segment/1": "c"}, modules={"router": "a", "pool": "b"}
    )
    assert manifest.objects == ("a", "b", "c")


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
def test_what_json_cannot_say_is_refused(number: float) -> None:
    with pytest.raises(ValueError, match="JSON compliant"):
        dataclasses.replace(PLAIN, facts={"loss": [number]}).to_bytes()


def edited(**changes: Any) -> bytes:
    return json.dumps({**json.loads(PLAIN.to_bytes()), **changes}).encode()


def test_a_newer_format_is_said_to_be_newer_and_not_damaged() -> None:
    with pytest.raises(StoreError, match=r"format 2 .* up to 1") as caught:
        Manifest.from_bytes(edited(format=2, an_idea_of_tomorrow=[]))
    assert not isinstance(caught.value, StoreDamaged)
    assert caught.value.hint == "pip install --upgrade nightshift"


@pytest.mark.parametrize(
    "data", [b"", b"[]", b"3", b"{}", b"\xff", PLAIN.to_bytes()[:-5], edited(surplus=1)]
)
def test_what_is_no_manifest_is_damage(data: bytes) -> None:
    with pytest.raises(StoreDamaged):
        Manifest.from_bytes(data)
