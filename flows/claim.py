"""The first step of a night: which of the deliveries at hand have not had their say.

Batches stay in the inbox for as long as somebody likes. What a batch is, its digest says; that a
folder changed, or went back to what it was, says its name beside it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from nightshift.errors import BatchError
from pipeline.batch import Batch, read_batch
from state.ledger import Ledger, Name
from state.store import Store


@dataclass(frozen=True)
class Claim:
    """The batches to live through, in order, and why others cannot be.

    `passed` are snapshots of which a newer one is at hand, and which were never taken.
    """

    batches: tuple[Batch, ...]
    passed: tuple[Batch, ...]
    refused: Mapping[Path, BatchError]


def claim(store: Store, paths: Sequence[Path], *, again: bool = False) -> Claim:
    """Read the batches that have not had their say; with `again`, withdrawn ones too.

    One batch that cannot be read keeps nobody from the others.
    """
    ledger = Ledger.read(store)
    told: set[tuple[Name, str]] = set()
    newest: dict[str, Name] = {}
    fresh: dict[tuple[Name, str], Batch] = {}
    refused: dict[Path, BatchError] = {}
    for path in paths:
        try:
            batch = read_batch(path)
        except BatchError as error:
            refused[path] = error
            continue
        entry = ledger.entries.get(batch.digest)
        if entry is not None and entry.withdrawn and not again:
            continue
        name = _name(batch)
        told.add((name, batch.digest))
        if batch.snapshot:
            newest[batch.source] = name
        if ledger.latest.get(name) != batch.digest:
            fresh.setdefault((name, batch.digest), batch)
    waiting = [
        batch
        for (name, digest), batch in fresh.items()
        if not _is_known(ledger, digest) or (name, ledger.latest.get(name)) not in told
    ]
    known = {*ledger.latest, *newest.values()}
    batches = [batch for batch in waiting if not batch.snapshot or _name(batch) in known]
    passed = [batch for batch in waiting if batch.snapshot and _name(batch) not in known]
    return Claim(tuple(batches), tuple(passed), refused)


def _name(batch: Batch) -> Name:
    return batch.source, batch.name


def _is_known(ledger: Ledger, digest: str) -> bool:
    entry = ledger.entries.get(digest)
    return entry is not None and not entry.withdrawn
