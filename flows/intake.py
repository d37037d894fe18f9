"""The first steps of a night: claim what waits, sort out what changed, encode only that."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flows.live import SEGMENT, Live, read_library, save_dead
from pipeline.batch import Batch, read_batch
from pipeline.documents import Document, Key, Pair, Passage, passage_text, passages
from pipeline.encoder import Encoder, Vectors
from pipeline.garbage import garbage
from pipeline.kinds import Layers, groups_of
from pipeline.library import Library
from pipeline.progress import Progress
from pipeline.readers import Quarantined
from pipeline.segment import Segment, write_segment
from state.ledger import taken
from state.store import Store


@dataclass(frozen=True)
class Intake:
    """What a batch changes: documents to write, keys to delete, pairs to learn from."""

    batch: Batch
    documents: tuple[Document, ...]
    added: int
    updated: tuple[Key, ...]
    deleted: tuple[Key, ...]
    unchanged: int
    pairs: tuple[Pair, ...]
    quarantined: tuple[Quarantined, ...]

    @property
    def changes_something(self) -> bool:
        return bool(self.documents or self.deleted or self.pairs)

    @property
    def counts(self) -> dict[str, int]:
        return {
            "added": self.added,
            "updated": len(self.updated),
            "deleted": len(self.deleted),
            "unchanged": self.unchanged,
            "quarantined": len(self.quarantined),
        }


@dataclass(frozen=True)
class Encoding:
    """Documents as the encoder sees them, row by row: the vectors of all their passages, their
    features at the informative layers, their groups. `encoded` counts those whose text was new.
    """

    passages: tuple[tuple[Passage, ...], ...]
    vectors: Vectors
    features: Layers
    groups: npt.NDArray[np.uint64]
    encoded: int


Known = tuple[Vectors, Layers]
"""A document's vectors and features, from a segment."""


def claim(store: Store, paths: Sequence[Path], *, again: bool = False) -> list[Batch]:
    """Read the batches that no version has taken yet; with `again`, withdrawn ones too.

    A snapshot is compared with the index even so: a folder may go back to what it was.
    """
    ledger = taken(store.history())
    pending: dict[str, Batch] = {}
    for path in paths:
        batch = read_batch(path)
        entry = ledger.get(batch.digest)
        if entry is None or (again if entry.withdrawn else batch.snapshot):
            pending.setdefault(batch.digest, batch)
    return list(pending.values())


def ingest(batch: Batch, library: Library) -> Intake:
    """Compare a batch with what is there: by identity and content, never by presence alone."""
    quarantined = list(batch.quarantined)
    documents: list[Document] = []
    updated: list[Key] = []
    unchanged = 0
    for document in batch.documents:
        known = library.content_hash(document.key)
        if known == document.content_hash:
            unchanged += 1
        elif reason := garbage(document.text):
            quarantined.append(Quarantined(f"document {document.id[:80]!r}", reason))
        else:
            documents.append(document)
            updated += [document.key] if known else []
    deleted = _deleted(batch, library)
    there = (library.number_of.keys() - set(deleted)) | {document.key for document in documents}
    pairs = []
    for pair in batch.pairs:
        if pair.key in there:
            pairs.append(pair)
        else:
            where = f"query {pair.query[:80]!r}"
            quarantined.append(
                Quarantined(where, f"its document {pair.key[1][:80]!r} is not there")
            )
    return Intake(
        batch,
        tuple(documents),
        len(documents) - len(updated),
        tuple(updated),
        deleted,
        unchanged,
        tuple(pairs),
        tuple(quarantined),
    )


def _deleted(batch: Batch, library: Library) -> tuple[Key, ...]:
    gone = [key for key in batch.deleted if key in library.number_of]
    if batch.snapshot:
        present = batch.present
        gone += [key for key in library.number_of if key[0] == batch.source and key not in present]
    return tuple(gone)


def encode(
    encoder: Encoder,
    documents: Sequence[Document],
    layers: Sequence[int],
    known: Mapping[str, Known],
    progress: Progress,
) -> Encoding:
    """Vectors and features of all documents; those `known` by text hash are not encoded again."""
    cuts = tuple(tuple(passages(document)) for document in documents)
    first = {document.text_hash: row for row, document in reversed([*enumerate(documents)])}
    fresh = sorted(row for text_hash, row in first.items() if text_hash not in known)
    texts = [passage_text(documents[row], cut) for row in fresh for cut in cuts[row]]
    encoded = encoder.encode_documents(texts, progress)
    ends = np.cumsum([len(cuts[row]) for row in fresh])[:-1]
    seen = dict(known)
    for row, vectors, states in zip(
        fresh, np.split(encoded.vectors, ends), np.split(encoded.layers, ends), strict=bool(fresh)
    ):
        features = states[:, list(layers)].astype(np.float32).mean(axis=0)
        seen[documents[row].text_hash] = vectors, features.astype(np.float16)
    rows = [seen[document.text_hash] for document in documents]
    return Encoding(
        passages=cuts,
        vectors=np.concatenate([v for v, _ in rows]) if rows else encoded.vectors,
        features=np.stack([f for _, f in rows]) if rows else encoded.layers[:, list(layers)],
        groups=groups_of([d.title for d in documents], [d.id for d in documents]),
        encoded=len(fresh),
    )


def encoded_before(store: Store, wanted: set[str]) -> dict[str, Known]:
    """What any version of this store has encoded before, by text hash."""
    found: dict[str, Known] = {}
    names = {
        object_id
        for manifest in store.history()
        for name, object_id in manifest.index.items()
        if name.startswith(SEGMENT)
    }
    for object_id in sorted(names):
        segment = Segment(store.objects.open(object_id))
        for row, text_hash in enumerate(segment.text_hashes):
            if text_hash in wanted and text_hash not in found:
                vectors = segment.vectors[segment.first[row] : segment.first[row + 1]]
                found[text_hash] = vectors, segment.layers[row]
    return found


def shelve(live: Live, intake: Intake, encoding: Encoding) -> tuple[dict[str, str], Library]:
    """Put tonight's segment and tombstones into the store; the index as it will be, by name."""
    index = dict(live.manifest.index)
    if intake.documents:
        number = 1 + max(int(name.removeprefix(SEGMENT)) for name in index if SEGMENT in name)
        index[f"{SEGMENT}{number:08d}"] = live.store.objects.put(
            lambda folder: write_segment(
                folder, intake.documents, encoding.passages, encoding.vectors, encoding.features
            )
        )
    dead = live.library.without([*intake.updated, *intake.deleted])
    index["tombstones"] = live.store.objects.put(lambda folder: save_dead(dead, folder))
    return index, read_library(live.store, index)
