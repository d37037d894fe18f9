"""After a purge nothing in the store holds the document, and everything else is as it was."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from handmade import answers, document, first_version, night

from flows.compact import compact
from flows.encoding import encoded_before
from flows.live import open_live
from flows.purge import purge
from flows.purged import hashed
from flows.rollback import rollback
from nightshift.errors import NothingToDo
from pipeline.documents import Document, Pair
from pipeline.overlay import Part
from state.retention import gc
from state.store import Store

OLD = Document("default", "secret-id", "the old secret title", "the first wording of the secret")
NEW = Document("default", "secret-id", "the new secret title", "another wording that is secret")
OTHERS = [document(str(n)) for n in range(12)]
ASKED = "what did nobody want to be asked?"
PIECES = [
    "secret-id", "old secret title", "new secret title", "first wording of the", "another wording",
    "wording that is secre", "'secret'", ASKED, ASKED[:20],
]  # fmt: skip
TEXTS = [OLD.text, NEW.text, *(f"query {n}" for n in range(20))]


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Only a power cut loses what was not synced, and none is tested here."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: None)
        yield


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Five versions: the document arrives, waits, is asked about, is replaced."""
    store = first_version(
        tmp_path / "store", [*OTHERS, OLD], [Pair("how is 3?", OTHERS[3].key), Pair(ASKED, OLD.key)]
    )
    night(store, [document("a")], waiting=[OLD, OTHERS[1]])
    night(store, [document("b"), NEW], pairs=[Pair(ASKED + " again", NEW.key)])
    night(store, [document("c")], [OTHERS[0].key])
    rollback(store, 2, "modules")
    return store


def spoken(store: Store) -> dict[str, str]:
    """All that any file says: values of parquet files, and the bytes of every file."""
    said = {}
    for path in sorted(store.root.rglob("*")):
        if path.is_file():
            said[str(path)] = path.read_bytes().decode("latin-1")
            if path.suffix == ".parquet":
                said[str(path)] += str(pq.read_table(path).to_pydict())
    return said


def tellers(store: Store) -> list[tuple[str, str]]:
    said = spoken(store).items()
    return [(piece, path) for piece in PIECES for path, page in said if piece in page]


def test_nothing_in_the_store_says_it_any_more(store: Store) -> None:
    assert {piece for piece, _ in tellers(store)} == set(PIECES), "the test must be able to see it"
    with pytest.raises(NothingToDo):
        purge(store, ("default", "nobody"))
    done = purge(store, NEW.key)
    assert done.versions == (1, 2, 3, 4, 5)
    assert tellers(store) == []
    assert store.verify() == []
    live = store.manifest()
    assert live.kind == "purge"
    assert live.facts["purge"] == {"key_hash": hashed(NEW.key)}
    assert live.facts["live_documents"] == 12 - 1 + 3


def test_vectors_go_with_it(store: Store) -> None:
    with open_live(store, 1) as live:
        vectors = live.library.vectors(live.library.number_of[OLD.key]).tobytes()
    assert any(vectors.decode("latin-1") in page for page in spoken(store).values())
    purge(store, NEW.key)
    assert not any(vectors.decode("latin-1") in page for page in spoken(store).values())


def test_no_version_finds_it_and_all_find_the_rest_as_before(store: Store) -> None:
    before = {}
    for version in range(1, 6):
        with open_live(store, version) as live:
            before[version] = answers(live, TEXTS, 30)
    purge(store, NEW.key)
    for version in range(1, 6):
        with open_live(store, version) as live:
            assert answers(live, TEXTS, 30) == [
                [hit for hit in line if hit[0] != NEW.id] for line in before[version]
            ]
            assert NEW.key not in live.modules.pool.keys
            assert NEW.key not in live.library.number_of
            left = [pair.query for pair in live.modules.kinds["k1"].questions.pairs]
            assert left == ["how is 3?"]


def test_a_rollback_does_not_bring_it_back(store: Store) -> None:
    purge(store, NEW.key)
    done = rollback(store, 1, "everything", documents=True)
    assert done.live_documents == (14, 12)
    with open_live(store) as live:
        assert NEW.key not in live.library.number_of
        assert all(id_ != NEW.id for line in answers(live, TEXTS, 30) for id_, _, _ in line)
    assert encoded_before(store, {OLD.text_hash, NEW.text_hash}) == {}


def test_a_second_purge_follows_the_first(store: Store) -> None:
    purge(store, NEW.key)
    with pytest.raises(NothingToDo):
        purge(store, NEW.key)
    purge(store, OTHERS[4].key)
    assert not any(OTHERS[4].text in page for page in spoken(store).values())
    assert tellers(store) == []
    assert store.verify() == []
    with open_live(store, 1) as live:
        assert len(live.library) == 11


def test_a_document_purged_may_come_again(store: Store) -> None:
    other = document("z")
    night(store, [other])
    purge(store, other.key)
    night(store, [other])
    with open_live(store) as live:
        assert answers(live, [other.text], 1)[0][0][0] == "z"
    with open_live(store, 6) as live:
        assert answers(live, [other.text], 1)[0][0][0] != "z"
    purge(store, other.key)
    night(store, [other])
    with open_live(store) as live:
        assert answers(live, [other.text], 1)[0][0][0] == "z"
    assert store.verify() == []


def test_gc_and_compaction_work_on_what_was_purged(store: Store) -> None:
    purge(store, NEW.key)
    with open_live(store) as live:
        before = answers(live, TEXTS, 30)
    compact(store)
    gc(store, 1)
    with open_live(store) as live:
        assert answers(live, TEXTS, 30) == before
        assert all(not segment.erased for segment in live.library.segments.values())
    assert store.verify() == []


def test_what_was_collected_but_not_yet_deleted_is_purged_too(store: Store) -> None:
    from state import collected

    collected.add(store.root, [1])
    purge(store, NEW.key)
    assert tellers(store) == []


def test_an_overlay_loses_it_and_keeps_the_others(store: Store) -> None:
    keys = (OTHERS[1].key, OLD.key, OTHERS[2].key)
    part = Part(keys, ("h1", OLD.text_hash, "h3"), np.array([0, 1, 3, 4]), np.eye(4, dtype="f4"))
    with store.writing():
        laid = store.objects.put(part.save)
    purge(store, OLD.key)
    left = Part.load(store.objects.open(laid))
    assert (left.keys, left.text_hashes) == ((OTHERS[1].key, OTHERS[2].key), ("h1", "h3"))
    assert left.first.tolist() == [0, 1, 2]
    assert np.array_equal(left.vectors, np.eye(4)[[0, 3]])


def test_search_files_are_thrown_away(store: Store) -> None:
    (store.root / "cache").mkdir()
    (store.root / "cache" / "x-HNSW32.faiss").write_bytes(b"vectors")
    purge(store, NEW.key)
    assert not list(store.root.glob("cache/*"))


def test_a_damaged_list_of_successors_is_named(store: Store) -> None:
    purge(store, NEW.key)
    page = store.root / "successors"
    page.write_bytes(page.read_bytes().replace(b'"page"', b'"pagf"'))
    assert "successors" in {damage.what for damage in store.verify()}
