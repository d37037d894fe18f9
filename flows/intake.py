"""The second step of a night: sort out what a batch changes."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from flows.purged import hashed
from pipeline.batch import Batch
from pipeline.chosen import Chosen
from pipeline.documents import Document, Key, Pair
from pipeline.garbage import garbage
from pipeline.library import Library
from pipeline.readers import Quarantined


@dataclass(frozen=True)
class Intake:
    """What a batch changes: documents to write, keys to delete, pairs to learn from."""

    batch: Batch
    documents: Sequence[Document]
    added: int
    updated: tuple[Key, ...]
    reworded: tuple[Key, ...]
    """The updated ones whose text is another; of others only the metadata changed."""
    deleted: tuple[Key, ...]
    unchanged: int
    pairs: tuple[Pair, ...]
    quarantined: tuple[Quarantined, ...]

    def brings_something(self, told: bool) -> bool:
        """Whether it changes anything; if the batch is `told` of and live, not by its queries."""
        return bool(len(self.documents) or self.deleted or (self.pairs and not told))

    @property
    def counts(self) -> dict[str, int]:
        return {
            "added": self.added,
            "updated": len(self.updated),
            "deleted": len(self.deleted),
            "unchanged": self.unchanged,
            "quarantined": len(self.quarantined),
        }


def ingest(batch: Batch, library: Library, purged: Collection[str] = ()) -> Intake:
    """Compare a batch with what is there: by identity and content, never by presence alone.

    Of documents whose hashed names are `purged` nothing is taken, and nothing said.
    """
    quarantined = list(batch.quarantined)
    written: dict[Key, int] = {}
    updated: list[Key] = []
    reworded: list[Key] = []
    unchanged = 0
    for row, document in enumerate(batch.documents):
        if purged and hashed(document.key) in purged:
            continue
        known = library.content_hash(document.key)
        if known == document.content_hash:
            unchanged += 1
        elif reason := garbage(document.text):
            quarantined.append(Quarantined(f"document {document.id[:80]!r}", reason))
        else:
            written[document.key] = row
            if known:
                updated.append(document.key)
                before = library.text_hash(library.number_of[document.key])
                reworded += [document.key] if before != document.text_hash else []
    deleted = _deleted(batch, library)
    gone = set(deleted)
    pairs = []
    for pair in batch.pairs:
        if pair.key in written or (pair.key in library.number_of and pair.key not in gone):
            pairs.append(pair)
        elif not purged or hashed(pair.key) not in purged:
            where = f"query {pair.query[:80]!r}"
            quarantined.append(
                Quarantined(where, f"its document {pair.key[1][:80]!r} is not there")
            )
    return Intake(
        batch,
        Chosen(batch.documents, list(written.values())),
        len(written) - len(updated),
        tuple(updated),
        tuple(reworded),
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
