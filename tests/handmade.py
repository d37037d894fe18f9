"""Stores without an encoder: documents with random vectors, through the real steps of a night.

A document's vectors are a function of its text, so what a search must find can be computed anew.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flows.encoding import Read, next_number, stand
from flows.intake import Intake
from flows.live import SEGMENT, TOMBSTONES, Live, open_live, save_dead
from flows.membership import still_there
from flows.modules import Kind, Modules, Pool, save_modules
from flows.publication import publish, size_facts
from flows.settings import Settings
from pipeline.batch import Batch
from pipeline.documents import Document, Key, Pair, passages
from pipeline.encoder import Vectors
from pipeline.kinds import KindStatistics, groups_of
from pipeline.questions import Questions
from pipeline.router import Router
from pipeline.segment import write_segment
from state.manifest import Manifest
from state.store import Store

DIMENSION, LAYERS = 8, 2
ENCODER = {"name": "none", "source": None, "fingerprint": "none", "parameters": 0}


def document(id_: str, text: str = "", source: str = "default") -> Document:
    return Document(source, id_, f"title of {id_} {text}", f"the text of document {id_}: {text}")


def vector(text: str) -> Vectors:
    """A unit vector that only this text has."""
    made = np.random.default_rng(list(text.encode())).normal(size=DIMENSION)
    return (made / np.linalg.norm(made)).astype(np.float32)


def first_version(root: Path, documents: Sequence[Document], pairs: Sequence[Pair] = ()) -> Store:
    """Version 1: one kind, whose questions are `pairs`, and nothing in the pool."""
    store = Store.create(root)
    read = encoded(documents)
    statistics = KindStatistics.of(read.features, groups(documents))
    asked = questions(pairs)
    kind = Kind("k1", "kind", len(documents), 1, statistics, statistics, asked)
    modules = Modules((0, 1), (0.9, 0.8), {"k1": kind}, {}, Router(), empty_pool())
    with store.writing():
        names = save_modules(store, modules, None, {})
        segment = _segment(store, documents)
        dead = store.objects.put(lambda folder: save_dead({}, folder))
        index = {f"{SEGMENT}{1:08d}": segment, TOMBSTONES: dead}
        _publish(store, None, "init", index, names, modules, len(documents))
    return store


def night(
    store: Store,
    documents: Sequence[Document] = (),
    deleted: Sequence[Key] = (),
    pairs: Sequence[Pair] = (),
    waiting: Sequence[Document] = (),
) -> int:
    """Take in documents and deletions as a night does, but learn nothing; returns the version."""
    with store.writing(), open_live(store) as live:
        updated = tuple(d.key for d in documents if d.key in live.library.number_of)
        intake = _intake(documents, updated, tuple(deleted))
        name = f"{SEGMENT}{next_number(live.manifest.index):08d}"
        shelves = stand(live, intake, {name: _segment(store, documents)} if documents else {})
        modules = still_there(live.modules, shelves.library)
        modules = _with(modules, pairs, waiting)
        names = save_modules(store, modules, live.modules, {})
        return _publish(
            store, live.manifest, "night", shelves.index, names, modules, len(shelves.library)
        )


def answers(live: Live, texts: Sequence[str], k: int = 10) -> list[list[tuple[str, str, float]]]:
    """Per text: id, passage and score of what is found, through the index of a version."""
    library = live.library
    lines = []
    for text in texts:
        [found] = live.index.search(vector(text)[None], k)
        hits = []
        for hit in found:
            read, cut = library.document(hit.number), library.passage(hit.number, hit.passage)
            hits.append((read.id, read.text[cut.start : cut.end], hit.score))
        lines.append(hits)
    return lines


def encoded(documents: Sequence[Document]) -> Read:
    cuts = tuple(tuple(passages(document)) for document in documents)
    texts = [document.text[cut.start : cut.end] for document, c in zip(documents, cuts, strict=True)
             for cut in c]  # fmt: skip
    vectors = np.array([vector(text) for text in texts], np.float32).reshape(-1, DIMENSION)
    features = np.array(
        [[vector(document.text)] * LAYERS for document in documents], np.float16
    ).reshape(-1, LAYERS, DIMENSION)
    return Read(cuts, vectors, features, len(documents))


def groups(documents: Sequence[Document]) -> npt.NDArray[np.uint64]:
    return groups_of([d.title for d in documents], [d.id for d in documents])


def long_document(id_: str, seed: int) -> Document:
    """A document of several passages."""
    words = random.Random(seed).choices([f"word{n}" for n in range(50)], k=500)
    return Document("default", id_, "", " ".join(words))


def _segment(store: Store, documents: Sequence[Document]) -> str:
    read = encoded(documents)
    return store.objects.put(
        lambda folder: write_segment(folder, documents, read.passages, read.vectors, read.features)
    )


def questions(pairs: Sequence[Pair]) -> Questions:
    vectors = np.array([vector(pair.query) for pair in pairs], np.float32).reshape(-1, DIMENSION)
    return Questions(tuple(pairs), vectors)


def empty_pool() -> Pool:
    return Pool.empty(LAYERS, DIMENSION)


def _with(modules: Modules, pairs: Sequence[Pair], waiting: Sequence[Document]) -> Modules:
    kind = modules.kinds["k1"]
    kinds: Mapping[str, Kind] = modules.kinds
    if pairs:
        kinds = {"k1": replace(kind, questions=kind.questions + questions(pairs))}
    pool = modules.pool
    if waiting:
        new = encoded(waiting)
        pool = Pool(
            (*pool.keys, *(document.key for document in waiting)),
            np.concatenate([pool.features, new.features]),
            np.concatenate([pool.groups, groups(waiting)]),
            pool.questions + questions([Pair(d.text[:30], d.key, "span") for d in waiting]),
        )
    return replace(modules, kinds=kinds, pool=pool)


def _intake(
    documents: Sequence[Document], updated: tuple[Key, ...], deleted: tuple[Key, ...]
) -> Intake:
    batch = Batch("b", "d", "default", None, None, None, tuple(documents), deleted, False, (), ())
    added = len(documents) - len(updated)
    return Intake(batch, tuple(documents), added, updated, updated, deleted, 0, (), ())


def _publish(
    store: Store,
    parent: Manifest | None,
    kind: str,
    index: Mapping[str, str],
    names: Mapping[str, str],
    modules: Modules,
    documents: int,
) -> int:
    facts = {
        "outcomes": [],
        "documents": {},
        "seconds": {},
        "settings": Settings().as_json(),
        "libraries": {},
        **size_facts(modules, documents),
    }
    return publish(
        store,
        parent,
        kind=kind,
        reason="handmade",
        encoder=ENCODER,
        index=index,
        modules=names,
        facts=facts,
    ).version
