"""An exported FAISS index finds what the store's own search finds."""

from __future__ import annotations

import os
from pathlib import Path

import faiss
import numpy as np
import pyarrow.parquet as pq
import pytest
from exporting import QUERIES, exported

import pipeline.index
from flows.live import open_live
from nightshift.errors import NothingToDo, UsageError
from nightshift.exports.formats import export
from pipeline.index import Index, Shelf
from pipeline.library import Library
from pipeline.one_index import write_index
from state.store import Store


def test_faiss_finds_what_the_index_finds(store: Store, tmp_path: Path) -> None:
    exported(store, "faiss", tmp_path / "out")
    index = faiss.read_index(str(tmp_path / "out" / "index.faiss"))
    rows = pq.read_table(tmp_path / "out" / "rows.parquet").to_pylist()
    assert [row["row"] for row in rows] == list(range(index.ntotal))
    with open_live(store) as live:
        vectors = live.encoder.encode_queries(QUERIES)
        scores, numbers = index.search(vectors, index.ntotal)
        for line, near, found in zip(numbers, scores, live.index.search(vectors, 10), strict=True):
            best: dict[tuple[str, str], float] = {}
            for row, score in zip(line.tolist(), near.tolist(), strict=True):
                best.setdefault((rows[row]["source"], rows[row]["id"]), score)
            expected = [live.library.document(hit.number).key for hit in found]
            assert list(best)[:10] == expected
            assert list(best.values())[:10] == pytest.approx([hit.score for hit in found])


def test_an_approximate_index_keeps_its_factory(store: Store, tmp_path: Path) -> None:
    with open_live(store) as live:
        for factory in ("HNSW8", "IVF4,Flat"):
            live.__dict__["settings"] = type(live.settings)(index=factory)
            export(live, "faiss", tmp_path / factory)
            index = faiss.read_index(str(tmp_path / factory / "index.faiss"))
            name = type(faiss.downcast_index(index)).__name__
            assert name == {"HNSW8": "IndexHNSWFlat", "IVF4,Flat": "IndexIVFFlat"}[factory]
        live.__dict__["settings"] = type(live.settings)(index="IVF4096,Flat")
        with pytest.raises(UsageError, match="too few"):
            export(live, "faiss", tmp_path / "none")


@pytest.mark.parametrize("factory", ["HNSW8", "IVF64,Flat", "PCA12,IVF64,Flat", "IVF64,Flat,RFlat"])
def test_a_file_of_an_approximate_index_is_searched_as_the_store_searches(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, factory: str
) -> None:
    monkeypatch.setattr(pipeline.index, "SMALL", 100)
    random = np.random.default_rng(0)
    vectors = random.normal(size=(4000, 16)).astype(np.float32)
    asked = random.normal(size=(40, 16)).astype(np.float32)
    shelf = Shelf("s", vectors, np.arange(4001), np.ones(4000, bool))
    write_index([vectors], 16, tmp_path / "index.faiss", factory)
    _, numbers = faiss.read_index(str(tmp_path / "index.faiss")).search(asked, 11)
    found = Index([shelf], factory).search(asked, 10)
    assert numbers[:, :10].tolist() == [[hit.number for hit in hits] for hits in found]


def test_a_store_without_a_live_document_trains_no_index(store: Store, tmp_path: Path) -> None:
    with open_live(store) as live:
        live.__dict__["settings"] = type(live.settings)(index="IVF4,Flat")
        library = live.library
        live.__dict__["library"] = Library(library.segments, library.without(library.number_of))
        with pytest.raises(NothingToDo, match="no document is live"):
            export(live, "faiss", tmp_path / "out")
    assert os.listdir(tmp_path) == []
