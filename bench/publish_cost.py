"""What does a night cost that adds 1,000 documents, as the index grows? Publishing, in figures.

    python -m bench.publish_cost --existing 1000 100000 --out bench/results/publish_cost.json

Random vectors stand in for the encoder's. *Publish* is everything from vectors in memory to a live
version: segment, tombstones, manifest, HEAD, log, all fsynced. *Opening* is what the night does
before: every byte of the live version is read and hashed, and the keys of its documents are loaded.
Both stores are timed in turns, in one process.
"""

from __future__ import annotations

import argparse
import os
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from bench.told import tell
from flows.live import SEGMENT, TOMBSTONES, read_library, save_dead
from pipeline.documents import Document, Passage
from pipeline.segment import write_segment
from state.manifest import Manifest
from state.store import Store

ADDED, REPLACED, PER_SEGMENT = 1_000, 50, 5_000
DIMENSION, LAYERS, WORDS = 384, 2, 120


class Growing:
    """A store of random documents that takes in more of them."""

    def __init__(self, root: Path, existing: int, seed: int) -> None:
        self.random = np.random.default_rng(seed)
        self.store = Store.create(root)
        self.count = 0
        index: dict[str, str] = {}
        with self.store.writing():
            while self.count < existing:
                size = min(PER_SEGMENT, existing - self.count)
                index[f"{SEGMENT}{1 + len(index):08d}"] = self._segment(size)
            index[TOMBSTONES] = self.store.objects.put(lambda folder: save_dead({}, folder))
            module = self.store.objects.put(lambda folder: (folder / "m").write_text("modules"))
            self.store.publish(self._manifest(index, {"registry": module}))

    def night(self) -> dict[str, float]:
        """Add ADDED documents, replace REPLACED; seconds and bytes."""
        live = Store.open(self.store.root)
        before = time.perf_counter()
        manifest = live.manifest()
        library = read_library(live, manifest.index)
        gone = list(library.number_of)[:REPLACED]
        opened = time.perf_counter()
        documents = self._documents(ADDED)
        vectors, layers = self._vectors(ADDED)
        written = _bytes(self.store.root)
        started, busy = time.perf_counter(), time.process_time()
        with self.store.writing():
            index = dict(manifest.index)
            index[f"{SEGMENT}{len(index):08d}"] = self.store.objects.put(
                lambda folder: write_segment(folder, documents, _whole(documents), vectors, layers)
            )
            dead = library.without(gone)
            index[TOMBSTONES] = self.store.objects.put(lambda folder: save_dead(dead, folder))
            self.store.publish(self._manifest(index, manifest.modules))
        return {
            "opening": opened - before,
            "publish": time.perf_counter() - started,
            "publish_cpu": time.process_time() - busy,
            "bytes": float(_bytes(self.store.root) - written),
        }

    def _segment(self, size: int) -> str:
        documents, (vectors, layers) = self._documents(size), self._vectors(size)
        return self.store.objects.put(
            lambda folder: write_segment(folder, documents, _whole(documents), vectors, layers)
        )

    def _documents(self, size: int) -> list[Document]:
        numbers = range(self.count, self.count + size)
        self.count += size
        words = self.random.integers(0, 10_000, (size, WORDS))
        return [
            Document("bench", f"d{n}", "", " ".join(f"w{word}" for word in line))
            for n, line in zip(numbers, words.tolist(), strict=True)
        ]

    def _vectors(self, size: int) -> tuple[Any, Any]:
        vectors = self.random.normal(size=(size, DIMENSION)).astype(np.float32)
        vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
        return vectors, self.random.normal(size=(size, LAYERS, DIMENSION)).astype(np.float16)

    def _manifest(self, index: dict[str, str], modules: Any) -> Manifest:
        head = self.store.head().version if (self.store.root / "HEAD").exists() else 0
        facts: dict[str, Any] = {"batches": [], "documents": {}}
        time_ = "2031-05-01T02:00:00+00:00"
        parent = head or None
        return Manifest(head + 1, parent, time_, "night", "bench", {}, index, modules, facts)


def _whole(documents: Sequence[Document]) -> list[list[Passage]]:
    return [[Passage(0, len(document.text))] for document in documents]


def _bytes(root: Path) -> int:
    return sum(
        os.lstat(os.path.join(folder, name)).st_size
        for folder, _, names in os.walk(root)
        for name in names
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--existing", type=int, nargs=2, default=[1_000, 100_000])
    parser.add_argument("--nights", type=int, default=15)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    small, large = asked.existing
    with tempfile.TemporaryDirectory() as folder:
        stores = {n: Growing(Path(folder, str(n)), n, asked.seed) for n in (small, large)}
        nights: dict[int, list[dict[str, float]]] = {small: [], large: []}
        for _ in range(asked.nights):
            for existing, growing in stores.items():
                nights[existing].append(growing.night())
    medians = {
        existing: {name: statistics.median(night[name] for night in lived) for name in lived[0]}
        for existing, lived in nights.items()
    }
    ratios = {name: medians[large][name] / medians[small][name] for name in medians[small]}
    page = {"added": ADDED, "replaced": REPLACED, "nights": asked.nights, "seed": asked.seed}
    tell({**page, "medians": medians, "ratios": ratios}, asked.out)


if __name__ == "__main__":
    main()
