"""The store: sound, free, with room to grow, and read by the encoder that wrote it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from flows.checks.check import Check, broken, ok, warning
from flows.live import Live, open_live
from nightshift.errors import NightshiftError, StoreBusy
from pipeline.documents import passage_text
from pipeline.experts.methods import METHODS
from state import lock
from state.store import Store

ROOM = 2
"""Times the live index that should be free on the disk: a compaction writes it once more."""
CLOSE = 1e-4


def store(root: Path) -> Iterator[Check]:
    """Everything about the store at `root`, which is opened for reading only."""
    try:
        opened = Store.open(root)
        live = open_live(opened)
    except NightshiftError as error:
        yield broken("store", error.message, error.hint)
        return
    with live:
        yield ok("store", f"version {live.manifest.version} is live")
        yield _lock(root)
        yield _manifests(live)
        yield _objects(live)
        yield _disk(live)
        yield from _reading(live)


def _lock(root: Path) -> Check:
    try:
        with lock.writing(root):
            return ok("lock", "nobody is writing")
    except StoreBusy as busy:
        return warning("lock", busy.message, busy.hint)
    except OSError as error:
        return warning("lock", f"the store cannot be written to: {error.strerror}")


def _manifests(live: Live) -> Check:
    """Of the versions that have their objects; nights go on without the old ones."""
    lost = ", ".join(map(str, live.store.unreadable()))
    if lost:
        return broken("manifests", f"those of versions {lost} cannot be read", "nightshift verify")
    return ok("manifests", "all versions can be read")


def _objects(live: Live) -> Check:
    """Every byte of the live version; `verify` reads those of all versions."""
    needed = live.manifest.objects
    damaged = [one for one in needed if live.store.objects.check(one)]
    if damaged:
        return broken("objects", f"{len(damaged)} of {len(needed)} damaged", "nightshift verify")
    return ok("objects", f"{len(needed)} of the live version are what was written")


def _disk(live: Live) -> Check:
    size = sum(live.store.objects.size(one) for one in live.manifest.objects)
    free = shutil.disk_usage(live.store.root).free
    told = f"{free / 2**20:,.0f} MiB free, the live version takes {size / 2**20:,.0f} MiB"
    if free < ROOM * size:
        return warning("disk", told, "nightshift gc")
    return ok("disk", told)


def _reading(live: Live) -> Iterator[Check]:
    """The encoder: the one that wrote the vectors, writing the same ones still, and teachable."""
    try:
        encoder = live.encoder
        yield ok("encoder", f"{encoder.checkpoint.name}, as in version {live.manifest.version}")
        yield _probe(live)
        yield _index(live)
        expert = METHODS[live.settings.expert].new(encoder, "probe", seed=0)
        weights = expert.parameter_count
        expert.detach()
        yield ok("experts", f"the encoder takes them, {weights:,} weights each, heads apart")
    except NightshiftError as error:
        yield broken("encoder", error.message, error.hint)


def _index(live: Live) -> Check:
    query = np.zeros((1, live.encoder.dimension), np.float32)
    if live.index.documents and not live.index.search(query, 1)[0]:
        return broken("index", "finds nothing", "nightshift verify")
    return ok("index", f"opens and answers: {live.index.documents:,} documents")


def _probe(live: Live) -> Check:
    """A document of the index is encoded again and must come out as it was."""
    number = next(iter(live.library.number_of.values()), None)
    if number is None:
        return ok("vectors", "there is no document to compare")
    text = passage_text(live.library.document(number), live.library.passage(number, 0))
    again = live.encoder.encode_documents([text]).vectors[0]
    off = float(np.abs(again - live.library.vectors(number)[0]).max())
    if off > CLOSE:
        return broken(
            "vectors",
            f"a document's vector comes out differently today, by {off:.1g}",
            "nightshift init --corpus PATH --store A_NEW_FOLDER",
        )
    return ok("vectors", f"a document comes out as it was, within {CLOSE:g}")
