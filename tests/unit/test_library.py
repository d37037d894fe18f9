"""The library is what all nights together say, and numbers mean what they always meant."""

from __future__ import annotations

import hashlib
import tempfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.documents import Document, Key, passages
from pipeline.encoder import Vectors
from pipeline.library import Library
from pipeline.segment import Segment, write_segment

WORDS = 4


def vectors_of(document: Document) -> Vectors:
    """Vectors that tell documents and their passages apart."""
    seed = int.from_bytes(hashlib.sha256(document.content_hash.encode()).digest()[:4], "big")
    count = len(passages(document, WORDS))
    drawn = np.random.default_rng(seed).normal(size=(count, 6)).astype(np.float32)
    return drawn / np.linalg.norm(drawn, axis=1, keepdims=True)


def night(
    root: Path, library: Library, documents: list[Document], deleted: list[Key] | None = None
) -> Library:
    """The library after a night that brought and deleted these."""
    segments = dict(library.segments)
    replaced = [document.key for document in documents if document.key in library.number_of]
    dead = library.without([*replaced, *(deleted or [])])
    if documents:
        folder = root / f"s{len(segments)}"
        folder.mkdir()
        vectors = np.concatenate([vectors_of(document) for document in documents])
        write_segment(
            folder,
            documents,
            [passages(document, WORDS) for document in documents],
            vectors,
            np.zeros((len(documents), 1, 6), np.float16),
        )
        segments[folder.name] = Segment(folder)
    return Library(segments, dead)


def text(version: int) -> str:
    return f"version {version} " + "some more words of it " * (version % 3)


NIGHTS = st.lists(
    st.tuples(
        st.dictionaries(st.integers(0, 7), st.integers(0, 5), max_size=6),
        st.sets(st.integers(0, 7), max_size=3),
    ),
    max_size=5,
)


@settings(max_examples=30)
@given(NIGHTS)
def test_any_nights_lead_to_what_a_dictionary_would_hold(
    nights: list[tuple[dict[int, int], set[int]]],
) -> None:
    library, model = Library({}, {}), dict[Key, Document]()
    with tempfile.TemporaryDirectory() as root:
        for brought, gone in nights:
            documents = [Document("sea", str(n), "", text(v)) for n, v in brought.items()]
            deleted = [("sea", str(n)) for n in gone - set(brought) if ("sea", str(n)) in model]
            before = library.number_of
            library = night(Path(root), library, documents, deleted)
            model |= {document.key: document for document in documents}
            model = {key: document for key, document in model.items() if key not in deleted}
            untouched = set(model) - {document.key for document in documents}
            assert all(library.number_of[key] == before[key] for key in untouched)
            check(library, model)


def check(library: Library, model: dict[Key, Document]) -> None:
    assert len(library) == len(model)
    assert set(library.number_of) == set(model)
    assert len(set(library.number_of.values())) == len(model)
    for key, document in model.items():
        number = library.number_of[key]
        assert library.document(number) == document
        assert library.content_hash(key) == document.content_hash
        assert np.array_equal(library.vectors(number), vectors_of(document))
        parts = [library.passage(number, part) for part in range(len(vectors_of(document)))]
        assert parts == passages(document, WORDS)
    assert library.content_hash(("sea", "nowhere")) is None
    index = library.index()
    assert index.documents == len(model)
    found = index.search(np.ones((1, 6), np.float32), 100)[0]
    assert sorted(hit.number for hit in found) == sorted(library.number_of.values())


def test_a_search_leads_to_the_document_whose_vector_was_asked_for(tmp_path: Path) -> None:
    library = Library({}, {})
    for age in range(3):
        brought = [Document("sea", f"{age}-{n}", "", text(10 * age + n)) for n in range(4)]
        library = night(tmp_path, library, brought)
    library = night(tmp_path, library, [Document("sea", "0-1", "", text(99))], [("sea", "1-2")])
    for number in library.number_of.values():
        own = library.vectors(number)
        hits = library.index().search(own[-1:], 1)[0]
        assert (hits[0].number, hits[0].passage) == (number, len(own) - 1)


def test_numbers_lead_to_the_segment_that_holds_them(tmp_path: Path) -> None:
    first = night(tmp_path, Library({}, {}), [Document("sea", "1", "", "one")])
    second = night(tmp_path, first, [Document("sea", "2", "", "two"), Document("s", "3", "", "")])
    assert [second.segment_name(number) for number in (0, 1, 2)] == ["s0", "s1", "s1"]


def test_the_dead_are_named_by_segment_and_row_and_stay_dead(tmp_path: Path) -> None:
    documents = [Document("sea", str(n), "", text(n)) for n in range(4)]
    library = night(tmp_path, Library({}, {}), documents)
    assert library.without([]) == {}
    dead = library.without([("sea", "2")])
    assert dead == {"s0": frozenset({2})}
    less = Library(library.segments, dead)
    assert less.without([("sea", "0")]) == {"s0": frozenset({0, 2})}
    assert len(library) == 4
    assert len(less) == 3


def test_a_document_that_is_not_there_cannot_be_taken_out(tmp_path: Path) -> None:
    library = night(tmp_path, Library({}, {}), [Document("sea", "1", "", "one")])
    with pytest.raises(KeyError):
        library.without([("sea", "2")])


def test_an_empty_segment_between_others_shifts_nothing(tmp_path: Path) -> None:
    library = night(tmp_path, Library({}, {}), [Document("sea", "1", "", "one")])
    (tmp_path / "empty").mkdir()
    write_segment(
        tmp_path / "empty", [], [], np.empty((0, 6), np.float32), np.empty((0, 1, 6), np.float16)
    )
    with_empty = Library({**library.segments, "empty": Segment(tmp_path / "empty")}, {})
    after = night(tmp_path, with_empty, [Document("sea", "2", "", "two")])
    check(after, {("sea", n): Document("sea", n, "", w) for n, w in (("1", "one"), ("2", "two"))})
