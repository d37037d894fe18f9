"""Documents come back from disk as they were written."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.chosen import Chosen
from pipeline.documents import Document
from pipeline.spool import Spool

WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
DOCUMENTS = st.builds(Document, WORDS, WORDS, WORDS, WORDS, WORDS)


def spooled(documents: list[Document]) -> Spool:
    spool = Spool()
    for document in documents:
        spool.append(document)
    return spool


@given(st.lists(DOCUMENTS, max_size=8))
def test_a_spool_is_the_sequence_of_what_was_put_into_it(documents: list[Document]) -> None:
    spool = spooled(documents)
    assert (len(spool), list(spool), list(reversed(spool))) == (
        len(documents),
        documents,
        documents[::-1],
    )
    assert [spool[row - len(documents)] for row in range(len(documents))] == documents
    assert list(spool[1:-1]) == documents[1:-1]


@given(st.lists(st.integers(0, 4), max_size=9), st.slices(9))
def test_some_rows_are_a_sequence_of_their_own(rows: list[int], part: slice) -> None:
    documents = [Document("sea", str(n), "", "tide") for n in range(5)]
    view = Chosen(spooled(documents), rows)
    chosen = [documents[row] for row in rows]
    assert (len(view), list(view), list(view[part])) == (len(rows), chosen, chosen[part])
    assert [view[row] for row in range(len(rows))] == chosen


def test_what_is_written_between_two_reads_can_be_read() -> None:
    spool = spooled([Document("sea", "1", "", "low")])
    assert spool[0].text == "low"
    spool.append(Document("sea", "2", "", "high"))
    assert [document.text for document in spool] == ["low", "high"]


def test_beyond_the_end_there_is_nothing() -> None:
    with pytest.raises(IndexError):
        spooled([])[0]


def opened(folder: Path) -> list[str]:
    """What this process has open below `folder`, files without a name among them."""
    paths = [os.path.realpath(entry.path) for entry in os.scandir("/proc/self/fd")]
    return [path for path in paths if Path(path).is_relative_to(folder)]


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    spool = spooled([Document("sea", "1", "", "tide" * 10_000)])
    assert list(tmp_path.iterdir()) == [], "the file has no name, so a kill leaves nothing"
    view = spool[:1]
    del spool
    assert view[0].id == "1", "a view keeps the file open"
    assert len(opened(tmp_path)) == 1
    del view
    gc.collect()
    assert opened(tmp_path) == []
