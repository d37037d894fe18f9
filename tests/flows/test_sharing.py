"""A version that is opened beside another one loads only what the other has not."""

from __future__ import annotations

import gc
import weakref

import pytest
import worlds

from flows.live import Live, open_live
from state.store import Store

QUERIES = [worlds.query(kind, n) for kind in ("sea", "law") for n in range(20)]


def answers(live: Live) -> object:
    return live.retriever.ask(QUERIES, 10)


@pytest.mark.parametrize(("there", "here"), [(1, 2), (2, 1)])
def test_segments_that_both_have_are_read_and_indexed_once(
    grown: Store, there: int, here: int
) -> None:
    with open_live(grown, here) as alone:
        expected = answers(alone)
    with open_live(grown, there) as other, open_live(grown, here) as live:
        other.warm()
        live.share(other)
        both = live.library.segments.keys() & other.library.segments.keys()
        assert len(both) == 1, "the first corpus; the night brought another one"
        for name in both:
            assert live.library.segments[name] is other.library.segments[name]
            assert live.index.built[name, "Flat"] is other.index.built[name, "Flat"]
        assert set(live.index.built) == {(name, "Flat") for name in live.library.segments}
        assert answers(live) == expected


def test_nothing_is_kept_of_a_segment_that_is_only_there(grown: Store) -> None:
    with open_live(grown, 1) as older:
        with open_live(grown, 2) as newer:
            newer.warm()
            older.share(newer)
            names = newer.library.segments.keys() - older.library.segments.keys()
            gone = [weakref.ref(newer.library.segments[name]) for name in names]
        del newer
        gc.collect()
        assert gone
        assert all(segment() is None for segment in gone)


def test_an_index_of_another_factory_is_not_taken(grown: Store) -> None:
    with open_live(grown, 1) as other, open_live(grown, 2) as live:
        other.warm()
        live.share(other)
        index = live.library.index("HNSW32", built=other.index.built)
        assert not set(map(id, index.built.values())) & set(map(id, other.index.built.values()))
