"""Compaction changes how documents are kept and nothing that a search can tell."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from handmade import answers, document, first_version, long_document, night
from hypothesis import given, settings
from hypothesis import strategies as st

import flows.compact
import pipeline.index
from flows.compact import compact
from flows.live import open_live
from flows.rollback import rollback
from nightshift.errors import NothingToDo, UsageError
from state.retention import gc
from state.store import Store

TEXTS = [f"query number {n}" for n in range(60)]


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Only a power cut loses what was not synced, and none is tested here."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Four segments; documents replaced and deleted, one segment wholly dead, long documents."""
    store = first_version(tmp_path / "store", [document(str(n)) for n in range(30)])
    night(store, [document(str(n), "new") for n in range(5)] + [long_document("long", 1)])
    night(store, [document("gone"), document("twin a", "same"), document("twin b", "same")])
    night(store, [long_document("longer", 2)], [("default", "gone"), ("default", "7")])
    night(store, deleted=[("default", "twin a"), ("default", "twin b")])
    return store


def test_every_search_answers_as_before_to_the_last_bit(store: Store) -> None:
    with open_live(store) as live:
        before, names = answers(live, TEXTS), list(live.library.number_of)
    done = compact(store)
    assert done.segments == (4, 1)
    assert done.dropped == 5 + 1 + 1 + 2
    with open_live(store) as live:
        assert answers(live, TEXTS) == before
        assert list(live.library.number_of) == names
        assert live.manifest.kind == "compact"
        assert [name for name in live.manifest.index if "/" in name] == ["segment/00000001"]
    with open_live(store, done.version - 1) as old:
        assert answers(old, TEXTS) == before
    assert store.verify() == []


def test_modules_and_facts_stay_and_the_next_night_goes_on(store: Store) -> None:
    before = store.manifest()
    compact(store)
    after = store.manifest()
    assert after.modules == before.modules
    for name in ("live_documents", "live_experts", "settings", "kinds"):
        assert after.facts[name] == before.facts[name]
    night(store, [document("3", "newest"), document("fresh")])
    with open_live(store) as live:
        assert answers(live, [document("3", "newest").text], 1)[0][0][0] == "3"
        assert len(live.library) == before.facts["live_documents"] + 1


def test_a_compaction_after_a_rollback_withdraws_nothing_more(store: Store) -> None:
    rollback(store, 2, "too much", documents=True)
    compact(store)
    assert "rollback" not in store.manifest().facts
    rollback(store, 5, "not too much", documents=True)
    with open_live(store) as live, open_live(store, 5) as old:
        assert answers(live, TEXTS) == answers(old, TEXTS)


def test_there_is_nothing_to_do_twice(store: Store) -> None:
    compact(store)
    head = store.head()
    with pytest.raises(NothingToDo):
        compact(store)
    assert store.head() == head


def test_a_large_healthy_segment_parts_its_neighbours(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(flows.compact, "SMALL", 6)
    with open_live(store) as live:
        first, second, third, fourth = live.library.segments
        # The first is large and a fifth dead, the second large for its passages alone.
        assert flows.compact.worth_merging(live.library) == [[third, fourth]]
    night(store, deleted=[("default", "8"), ("default", "9")])
    with open_live(store) as live:
        assert flows.compact.worth_merging(live.library) == [[first], [third, fourth]]
        assert second in live.library.segments
        before = answers(live, TEXTS)
    assert compact(store).segments == (4, 3)
    with open_live(store) as live:
        assert answers(live, TEXTS) == before


def test_an_index_without_documents_stays_one(tmp_path: Path) -> None:
    store = first_version(tmp_path / "store", [document("only")])
    night(store, deleted=[("default", "only")])
    compact(store)
    with open_live(store) as live:
        assert answers(live, ["x"]) == [[]]
    night(store, [document("next")])
    with open_live(store) as live:
        assert answers(live, ["x"])[0][0][0] == "next"


def test_gc_frees_what_compaction_left_behind(store: Store) -> None:
    with open_live(store) as live:
        before = answers(live, TEXTS)
    compact(store)
    assert gc(store, 1).freed > 0
    with open_live(store) as live:
        assert answers(live, TEXTS) == before
    assert store.verify() == []


NIGHTS = st.lists(
    st.lists(st.tuples(st.integers(0, 15), st.integers(-1, 3)), max_size=8), min_size=1, max_size=5
)


@given(NIGHTS)
@settings(max_examples=12)
def test_any_history_of_nights_answers_the_same_compacted(
    nights: list[list[tuple[int, int]]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        store = first_version(Path(folder, "store"), [document(str(n)) for n in range(4)])
        for changes in nights:
            with open_live(store) as live:
                there = live.library.number_of
            last = dict(changes)
            new = [document(str(n), str(text)) for n, text in last.items() if text >= 0]
            gone = [("default", str(n)) for n, text in last.items() if text < 0]
            night(store, new, [key for key in gone if key in there])
        with open_live(store) as live:
            before, names = answers(live, TEXTS[:20], 5), list(live.library.number_of)
            worth = flows.compact.worth_merging(live.library)
        if worth:
            compact(store)
        with open_live(store) as live:
            assert answers(live, TEXTS[:20], 5) == before
            assert list(live.library.number_of) == names


def test_a_version_that_could_not_be_opened_is_not_published(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Merged, the segments are large enough for a factory that has too few vectors there."""
    monkeypatch.setattr(pipeline.index, "SMALL", 30)
    before = store.manifest()
    facts = {**before.facts, "settings": {**before.facts["settings"], "index": "IVF4096,Flat"}}
    with store.writing():
        after = replace(before, version=before.version + 1, parent=before.version, facts=facts)
        store.publish(after)
    with pytest.raises(UsageError, match="too small for the index factory 'IVF4096,Flat'"):
        compact(store)
    assert store.manifest().version == before.version + 1
