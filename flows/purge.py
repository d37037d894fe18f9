"""Purge: a document's text, vectors and questions leave every version, for good.

    a version without it -> every object that holds it written anew without it -> one file replaced

That file, `successors`, puts all new objects in the place of the old ones at one instant; the
manifests and their digests stay. Killed anywhere, the same command finishes what was begun.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from flows.live import TOMBSTONES, Live, open_live, save_dead
from flows.modules import FEATURES, Modules, load_pool, save_modules, save_pool
from flows.publication import publish, quiet_facts, size_facts
from flows.purged import hashed
from nightshift.errors import NothingToDo, StoreDamaged
from pipeline.documents import Key
from pipeline.erasure import erase
from pipeline.library import Library
from pipeline.overlay import Part
from pipeline.questions import Questions
from pipeline.segment import DOCUMENTS, LAYERS, Segment
from state.store import Store

Writer = Callable[[Path], object]


@dataclass(frozen=True)
class Traces:
    """Where a document is: the versions and objects that hold it, and its titles.

    Damaged objects are `unread`: nobody knows whether they hold it, or can write them anew.
    """

    versions: tuple[int, ...]
    objects: tuple[str, ...]
    titles: tuple[str, ...]
    unread: tuple[str, ...]


@dataclass(frozen=True)
class Purge:
    """What was erased, without saying what it was, and which damaged objects may still hold it."""

    version: int
    versions: tuple[int, ...]
    objects: int
    unread: tuple[str, ...]

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "versions": list(self.versions), "unread": list(self.unread)}


def traces(store: Store, key: Key) -> Traces:
    """What a purge would erase; NothingToDo where no object holds the document."""
    unread = tuple(_damaged(store))
    writers = dict(_writers(store, key))
    if not writers:
        raise _nowhere(key, len(unread))
    versions = [
        manifest.version
        for manifest in store.history()
        if any(store.objects.place(object_id) in writers for object_id in manifest.objects)
    ]
    folders = [store.objects.open(object_id) for object_id in writers]
    titles = {
        segment.documents[segment.keys.index(key)].title
        for segment in (Segment(folder) for folder in folders if (folder / LAYERS).exists())
        if key in segment.keys
    }
    return Traces(tuple(versions), tuple(writers), tuple(sorted(titles)), unread)


def purge(store: Store, key: Key) -> Purge:
    """Erase the document everywhere; NothingToDo where nothing holds it."""
    with store.writing():
        found = traces(store, key)
        version = withdraw(store, key)
        store.objects.supersede(rewrite(store, key))
        store.drop_superseded()
        return Purge(version, found.versions, len(found.objects), found.unread)


def withdraw(store: Store, key: Key) -> int:
    """Publish a version without the document, unless a purge that was killed has done it."""
    facts = {"key_hash": hashed(key)}
    with open_live(store) as live:
        if live.manifest.kind == "purge" and live.manifest.facts["purge"] == facts:
            return live.manifest.version
        before = live.library
        there = key in before.number_of
        dead = before.without([key] if there else [])
        index = {
            **live.manifest.index,
            TOMBSTONES: store.objects.put(lambda folder: save_dead(dead, folder)),
        }
        modules = without(live.modules, key)
        return publish(
            store,
            live.manifest,
            kind="purge",
            reason="a document was purged",
            encoder=live.manifest.encoder,
            index=index,
            modules=save_modules(store, modules, live.modules, {}),
            facts={**_facts(live, modules, Library(before.segments, dead)), "purge": facts},
        ).version


def rewrite(store: Store, key: Key) -> dict[str, str]:
    """Put every object that holds the document anew, without it: old id -> new id."""
    return {object_id: store.objects.put(write) for object_id, write in _writers(store, key)}


def without(modules: Modules, key: Key) -> Modules:
    """The modules without what is known of the document."""
    kinds = dict(modules.kinds)
    for id_, kind in kinds.items():
        if any(pair.key == key for pair in kind.questions.pairs):
            kinds[id_] = kind.asking(_others(kind.questions, key))
    rows = [row for row, waiting in enumerate(modules.pool.keys) if waiting != key]
    return replace(modules, kinds=kinds, pool=modules.pool.take(rows))


def _writers(store: Store, key: Key) -> Iterator[tuple[str, Writer]]:
    """Every object on the disk that holds the document, and what writes it without."""
    passed = {*store.objects.superseded(), *_damaged(store)}
    for object_id in store.objects.all_ids():
        write = None if object_id in passed else _writer(store.objects.open(object_id), key)
        if write is not None:
            yield object_id, write


def _damaged(store: Store) -> list[str]:
    """The objects on the disk that cannot be read; a purge deletes none of them."""
    gone, damaged = set(store.objects.superseded()), []
    for object_id in store.objects.all_ids():
        if object_id not in gone:
            try:
                store.objects.open(object_id)
            except StoreDamaged:
                damaged.append(object_id)
    return damaged


def _nowhere(key: Key, unread: int) -> NothingToDo:
    source, id_ = key
    told = f"nothing here holds document {id_!r} of source {source!r}"
    if not unread:
        return NothingToDo(told)
    objects = "object" if unread == 1 else "objects"
    return NothingToDo(
        f"{told}, but {unread} damaged {objects} could not be read", hint="nightshift verify"
    )


def _writer(folder: Path, key: Key) -> Writer | None:
    names = {path.name for path in folder.iterdir()}
    if LAYERS in names:
        segment = Segment(folder)
        rows = [row for row, other in enumerate(segment.keys) if other == key]
        rows = [row for row in rows if row not in segment.erased]
        return partial(erase, segment, rows) if rows else None
    if FEATURES in names:
        pool = load_pool(folder)
        asked = any(pair.key == key for pair in pool.questions.pairs)
        kept = pool.take([row for row, other in enumerate(pool.keys) if other != key])
        return partial(save_pool, kept) if asked or key in pool.keys else None
    if DOCUMENTS in names:
        part = Part.load(folder)
        return part.without(key).save if key in part.keys else None
    if "questions.parquet" in names:
        questions = Questions.load(folder)
        left = _others(questions, key)
        return left.save if len(left) < len(questions) else None
    return None


def _others(questions: Questions, key: Key) -> Questions:
    return questions.where(lambda pair: pair.key != key)


def _facts(live: Live, modules: Modules, library: Library) -> Mapping[str, Any]:
    facts = quiet_facts(live.manifest)
    if len(library) < len(live.library) and "deleted" in facts["documents"]:
        facts["documents"]["deleted"] = 1
    return {**facts, **size_facts(modules, len(library))}
