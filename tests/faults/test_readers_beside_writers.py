"""Readers search while versions are published, taken back, merged and collected: never a mixture.

Every version holds the same documents in one wording, so two wordings in one answer are a mixture.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable
from pathlib import Path

import faiss
import pyarrow.parquet as pq
import pytest
from handmade import answers, document, first_version, night, vector

from flows.compact import compact
from flows.live import TOMBSTONES, open_live
from flows.rollback import rollback
from state.manifest import Manifest
from state.retention import gc
from state.store import Store

# Newer Pythons warn of forks beside other tests' threads; the children use none of those.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

ROUNDS, READERS, LEAST_READS = 34, 3, 10
NAMES = "abcd"
TEXTS = ["query 1", "query 2"]


def write(root: Path) -> None:
    """Two nights and a rollback a round; now and then merge segments and free old versions."""
    store = Store.open(root)
    for number in range(ROUNDS):
        for part in ("first", "second"):
            night(store, [document(name, f"{part} wording {number}") for name in NAMES])
        rollback(store, None, "the second wording was wrong", documents=True)
        if number % 8 == 7:
            compact(store)
            gc(store, 2)


def read(root: Path, done: Path) -> None:
    """Search the live version again and again, its parts loaded as late as they can be."""
    reads = 0
    while reads < LEAST_READS or not done.exists():
        with open_live(Store.open(root)) as live:
            found = [hit for line in answers(live, TEXTS) for hit in line]
            segments = {live.library.segment_name(n) for n in live.library.number_of.values()}
            assert segments <= set(live.manifest.index.values())
            texts = told_by(live.store, live.manifest)
            for query, hits in zip(TEXTS, answers(live, TEXTS), strict=True):
                nearest = sorted(texts, key=lambda id_: -(vector(texts[id_]) @ vector(query)))
                assert [(id_, text) for id_, text, _ in hits] == [(i, texts[i]) for i in nearest]
            assert len({text.split(": ")[1] for _, text, _ in found}) == 1, found
            assert live.modules.kinds.keys() == {"k1"}
            again = [hit for line in answers(live, TEXTS) for hit in line]
            assert again == found
        reads += 1


def told_by(store: Store, manifest: Manifest) -> dict[str, str]:
    """The documents of a version, read off the files that its manifest names."""
    folders = {name: store.objects.open(id_) for name, id_ in manifest.index.items()}
    dead = pq.read_table(folders.pop(TOMBSTONES) / "tombstones.parquet").to_pylist()
    gone = {(line["segment"], line["row"]) for line in dead}
    return {
        line["id"]: line["text"]
        for name, folder in folders.items()
        for row, line in enumerate(pq.read_table(folder / "documents.parquet").to_pylist())
        if (manifest.index[name], row) not in gone
    }


def forked(work: Callable[[], None]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return child


def test_nobody_ever_finds_a_mixture(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", lambda _: None)
    faiss.omp_set_num_threads(1)
    root, done = tmp_path / "store", tmp_path / "done"
    first_version(root, [document(name, "wording") for name in NAMES])
    readers = [forked(lambda: read(root, done)) for _ in range(READERS)]
    writer = forked(lambda: write(root))
    status = os.waitpid(writer, 0)[1]
    done.touch()
    ended = [os.waitpid(reader, 0)[1] for reader in readers]
    assert (status, ended) == (0, [0] * READERS)
    store = Store.open(root)
    assert store.head().version == 1 + 3 * ROUNDS + ROUNDS // 8
    assert store.verify() == []
