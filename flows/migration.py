"""Migration: the next generation of a store, by another encoder, beside the live one.

live documents -> encoded again, portion by portion; what is done is noted, so that a kill costs
                  one portion
kinds          -> the same kinds, with statistics in the new encoder's layers
experts        -> taught again from the pairs that are kept, and judged as on any night
the whole      -> against the old generation, kind by kind, on queries that never taught
one version    -> published in one step; `rollback --documents` brings the old one back
"""

from __future__ import annotations

import shlex
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from flows.encoding import (
    PORTION,
    PORTION_CHARACTERS,
    Encoding,
    Known,
    encode,
    known_of,
    sample,
    write_segments,
)
from flows.founding import layers_that_tell
from flows.generation import Generation, renewed
from flows.layout import read_registry
from flows.live import TOMBSTONES, Live, open_live, read_library, save_dead
from flows.membership import forget_departed
from flows.modules import save_modules
from flows.publication import encoder_facts, publish, quiet_facts, size_facts
from flows.retire import told
from nightshift.errors import NothingToDo, StoreDamaged
from pipeline.checkpoint import locate
from pipeline.chosen import Chosen
from pipeline.detector import choose_layers
from pipeline.documents import Document
from pipeline.encoder import Encoder
from pipeline.gains import Gains
from pipeline.gate import Change, harm, measured
from pipeline.kinds import groups_of
from pipeline.progress import Progress, silent
from pipeline.segment import Segment
from pipeline.texts import portions
from pipeline.tried import hear, quality
from state import sealed
from state.store import Store
from state.verify import MIGRATION

TIMED = 64
"""Documents that tell how long all of them will take."""


@dataclass(frozen=True)
class Migration:
    """What another encoder changes; no version for an estimate, or where the old one stays."""

    encoder: str
    documents: int
    encoded: int
    minutes: float
    experts: tuple[str, ...] = ()
    changes: Mapping[str, Change] | None = None
    objection: str | None = None
    version: int | None = None

    def as_json(self) -> dict[str, Any]:
        changes = None if self.changes is None else told(self.changes)
        return {**vars(self), "experts": list(self.experts), "changes": changes}


def estimate(store: Store, encoder: str | None, loaded: Encoder | None = None) -> Migration:
    """How long encoding everything would take, from a few documents that are."""
    model = loaded or Encoder(locate(encoder))
    with open_live(store) as live:
        documents = _documents(live, model)
        some = documents[:: max(1, len(documents) // TIMED)][:TIMED]
        began = time.monotonic()
        encode(model, some, [], {}, silent)
        minutes = (time.monotonic() - began) / len(some) * len(documents) / 60
    return Migration(model.checkpoint.name, len(documents), 0, minutes)


def migrate(
    store: Store,
    encoder: str | None,
    *,
    anyway: bool = False,
    loaded: Encoder | None = None,
    progress: Progress = silent,
) -> Migration:
    """Build the next generation, and publish it unless a kind would surely lose by it."""
    began, model = time.monotonic(), loaded or Encoder(locate(encoder))
    with store.writing(), open_live(store) as live:
        forget_departed(live)
        documents = _documents(live, model)
        notes = _Notes.read(store, model)
        if not notes.layers:
            known = _layers_before(store, model)
            notes = notes.with_layers(*(known or _layers(model, documents, progress)))
        encoding, names = _encoded(live, model, documents, notes, progress)
        names[TOMBSTONES] = store.objects.put(lambda folder: save_dead({}, folder))
        library = read_library(store, names)
        # Built before anybody is taught: a version must be one that opens.
        index = library.index(live.settings.index, store.root / "cache")
        new = renewed(live, model, library, index, encoding, notes.layers, notes.auroc, progress)
        try:
            changes = _compared(live, new)
            objection = None if anyway else harm(changes, live.settings.gate_tolerance)
            minutes = (time.monotonic() - began) / 60
            done = Migration(
                model.checkpoint.name,
                len(documents),
                encoding.encoded,
                minutes,
                tuple(sorted(new.modules.experts)),
                changes,
                objection,
            )
            if objection:
                return done
            version = _publish(live, new, names, encoder, done)
            notes.forget()
            return replace(done, version=version)
        finally:
            for expert in new.experts.values():
                expert.detach()


def _documents(live: Live, model: Encoder) -> Sequence[Document]:
    """What is live, in the order of its arrival."""
    if model.fingerprint == live.manifest.encoder["fingerprint"]:
        raise NothingToDo(
            f"{model.checkpoint.name} is the encoder of version {live.manifest.version} already",
            hint="nightshift migrate --encoder ANOTHER",
        )
    if not len(live.library):
        raise NothingToDo("there is no document to encode", hint="nightshift history")
    return Chosen(live.library.documents, sorted(live.library.number_of.values()))


@dataclass(frozen=True)
class _Notes:
    """What a migration has done so far, in a file: a kill leaves it, and the next one goes on."""

    store: Store
    fingerprint: str
    layers: tuple[int, ...] = ()
    auroc: tuple[float, ...] = ()
    segments: tuple[str, ...] = ()

    @classmethod
    def read(cls, store: Store, model: Encoder) -> _Notes:
        """Those of a migration to the same encoder, or empty ones."""
        path = store.root / MIGRATION
        try:
            page: dict[str, Any] = sealed.read(path, {})
        except StoreDamaged as error:
            raise StoreDamaged(error.message, hint=f"rm {shlex.quote(str(path))}") from None
        if page.get("fingerprint") != model.fingerprint:
            return cls(store, model.fingerprint)
        parts = {name: tuple(page[name]) for name in ("layers", "auroc", "segments")}
        return cls(store, model.fingerprint, **parts)

    def with_layers(self, layers: Sequence[int], auroc: Sequence[float]) -> _Notes:
        return replace(self, layers=tuple(layers), auroc=tuple(auroc)).kept()

    def kept(self) -> _Notes:
        page = {name: value for name, value in vars(self).items() if name != "store"}
        sealed.write(self.store.root / MIGRATION, page)
        return self

    def forget(self) -> None:
        (self.store.root / MIGRATION).unlink(missing_ok=True)

    def known(self) -> dict[str, Known]:
        """Vectors and features of what was encoded before a kill."""
        found: dict[str, Known] = {}
        for id_ in self.segments:
            try:
                segment = Segment(self.store.objects.open(id_))
            except StoreDamaged:
                continue  # gc has been here since, or a disk that forgets
            for row, text_hash in enumerate(segment.text_hashes):
                found[text_hash] = known_of(segment, row)
        return found


def _layers_before(store: Store, model: Encoder) -> tuple[list[int], list[float]] | None:
    """The informative layers as an older version by this encoder has them: what its segments hold
    is read again by later nights.
    """
    for manifest in reversed(store.standing()):
        if manifest.encoder["fingerprint"] == model.fingerprint:
            with suppress(StoreDamaged):
                page = read_registry(store, manifest.modules)
                return page["layers"], page["auroc"]
    return None


def _layers(
    model: Encoder, documents: Sequence[Document], progress: Progress
) -> tuple[list[int], list[float]]:
    some = sample(documents)
    auroc = layers_that_tell(
        model, some, encode(model, some, range(model.layer_count), {}, progress)
    )
    return list(choose_layers(auroc)), [float(value) for value in auroc]


def _encoded(
    live: Live,
    model: Encoder,
    documents: Sequence[Document],
    notes: _Notes,
    progress: Progress,
) -> tuple[Encoding, dict[str, str]]:
    """Every document by the new encoder; each portion is noted once it is on the disk."""
    known, names = notes.known(), dict[str, str]()
    parts = []
    for portion in portions(documents, PORTION, PORTION_CHARACTERS):
        part, segments = write_segments(
            live.store, model, portion, notes.layers, known, 1 + len(names), progress
        )
        names |= segments
        parts.append(part)
        fresh = tuple(id_ for id_ in segments.values() if id_ not in notes.segments)
        notes = replace(notes, segments=(*notes.segments, *fresh)).kept()
    return Encoding(
        np.concatenate([part.features for part in parts]),
        _groups(live, documents),
        sum(part.encoded for part in parts),
    ), names


def _groups(live: Live, documents: Sequence[Document]) -> npt.NDArray[np.uint64]:
    """As the nights have told documents together: a portion may be of few titles, and a title that
    all share tells nothing."""
    titles, ids = zip(*((one.title, one.id) for one in documents), strict=True)
    return groups_of(titles, ids, live.modules.longest_group)


def _compared(live: Live, new: Generation) -> dict[str, Change]:
    """What the next generation changes for each kind, on queries that never taught."""
    differences = {}
    for id_, kind in live.modules.kinds.items():
        asked = kind.questions.judging
        if len(asked) and id_ in new.modules.kinds:
            after = new.modules.kinds[id_].questions.judging
            heard = hear(live.retriever, asked, live.library)
            relevant = [one.relevant for one in heard]
            differences[id_] = Gains.of(new.quality(after) - quality(heard), relevant)
    return measured(differences)


def _publish(
    live: Live, new: Generation, names: Mapping[str, str], encoder: str | None, done: Migration
) -> int:
    store = live.store
    facts = encoder_facts(new.encoder, encoder)
    published = publish(
        store,
        live.manifest,
        kind="migrate",
        reason=f"{live.manifest.encoder['name']} -> {new.encoder.checkpoint.name}",
        encoder=facts,
        index=names,
        modules=save_modules(store, new.modules, None, new.experts, new.overlays),
        facts={
            **quiet_facts(live.manifest),
            **size_facts(new.modules, done.documents),
            "encoded": done.encoded,
            "migrate": done.as_json(),
        },
    )
    return published.version
