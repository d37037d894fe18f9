"""A batch: what one delivery brings, read once from a folder or a file; its documents wait on disk.

Files outside of it are never read. What cannot be used is listed with its place and its reason, and
the rest goes on.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nightshift.errors import BatchError
from pipeline.chosen import Chosen, Joined
from pipeline.columns import USUAL, Columns, read_columns
from pipeline.corpus import TEXT_LIMIT, Corpus, read_records_into, read_text_into
from pipeline.delivery import Delivery, Digest, deliver
from pipeline.documents import Document, Key, Pair
from pipeline.files import File, Refused, printable
from pipeline.formats import JSON_LINES, RECORDS, TEXTS, TOLD
from pipeline.judgements import read_pairs
from pipeline.readers import (
    Quarantined,
    check_identifier,
    check_unicode,
    decode,
    parse_object,
    without_mark,
)

CORPUS = tuple(f"corpus{ending}" for ending in RECORDS)
QUERIES = tuple(f"queries{ending}" for ending in JSON_LINES)
TRAIN = "qrels/train.tsv"
SETTINGS = "batch.json"
USUAL_SOURCE = "default"
BYTES_PER_CHARACTER = 4
ABOUT_LIMIT = 1024
"""Characters of what a batch says of itself."""


@dataclass(frozen=True)
class Batch:
    """What a delivery holds; each document is read from disk whenever it is asked for.

    `digest` names the content: the same files have the same digest wherever they lie. In a
    `snapshot`, a document of this source that is not `present` any more is deleted. A pair may
    name a document that is not in the batch.
    """

    name: str
    digest: str
    source: str
    label: str | None
    instruction: str | None
    time: str | None
    documents: Sequence[Document]
    deleted: tuple[Key, ...]
    snapshot: bool
    pairs: tuple[Pair, ...]
    quarantined: tuple[Quarantined, ...]

    @property
    def present(self) -> frozenset[Key]:
        """What a snapshot still holds: a file that cannot be read today has not vanished."""
        unread = {(self.source, entry.where) for entry in self.quarantined}
        return frozenset(document.key for document in self.documents) | unread


def read_batch(path: Path, default_source: str | None = None) -> Batch:
    """The batch at `path`; `BatchError` where there is none, or where its source is in doubt.

    A batch is one of

    - a folder with `corpus.<format>`, else with any files of these formats at its top: `.jsonl`,
      `.csv` and `.tsv` (each also packed as `.gz` or `.zst`), `.parquet`;
    - a folder of texts, at any depth: `.md`, `.txt`, `.html`, `.htm`, each known by its path;
    - one file of the first kind of formats.

    Where no `batch.json` names a source it is "default", and of a folder of texts the folder's own
    name: what such a folder holds no more is deleted, and nobody else's documents must be.

    A batch that changes while it is being read is refused: it is never half taken.
    """
    path = Path(os.path.abspath(path))
    try:
        return _Reading(path, default_source).batch()
    except OSError as error:
        raise BatchError(
            f"{error.filename or path} cannot be read: {error.strerror}",
            hint=f"ls -l {shlex.quote(str(path))}",
        ) from error


def source_of(folder: Path) -> str:
    """The source that a batch in this folder is of."""
    reading = _Reading(folder)
    reading.read_settings()
    reading.name_texts()
    return reading.source


def settings_of(folder: Path) -> tuple[str, Columns]:
    """The source and the columns that a folder's batch.json names, or the usual ones."""
    reading = _Reading(folder)
    reading.read_settings()
    return reading.source, reading.columns


def records_among(names: Sequence[str]) -> list[str]:
    """The files of records at the top of a delivery: the corpus, where one is called so."""
    top = [name for name in names if "/" not in name and name not in QUERIES]
    named = [name for name in top if name in CORPUS]
    return named or [name for name in top if name.lower().endswith(RECORDS)]


def _no_batch(path: Path) -> BatchError:
    return BatchError(
        f"{path} is not a batch: it takes a folder with corpus.jsonl or other files that end in "
        f"{TOLD}, a folder of {', '.join(TEXTS)} files, or one file of the former kind",
        hint=f"ls {shlex.quote(str(path if path.exists() else path.parent))}",
    )


def together(batches: Sequence[Batch]) -> Batch:
    """Several deliveries as one: of each document the last word counts, be it that it is gone."""
    row_of: dict[Key, int] = {}
    row = 0
    for batch in batches:
        for document in batch.documents:
            row_of[document.key] = row
            row += 1
        present = batch.present if batch.snapshot else frozenset()
        vanished = [key for key in row_of if key[0] == batch.source and key not in present]
        for key in (*batch.deleted, *(vanished if batch.snapshot else ())):
            row_of.pop(key, None)
    everything = Joined([batch.documents for batch in batches])
    return replace(
        batches[0],
        documents=Chosen(everything, list(row_of.values())),
        deleted=(),
        snapshot=False,
        pairs=tuple(pair for batch in batches for pair in batch.pairs),
        quarantined=tuple(entry for batch in batches for entry in batch.quarantined),
    )


class _Reading:
    """One pass over a delivery, keeping what was read and what was refused."""

    def __init__(self, path: Path, default_source: str | None = None) -> None:
        if not (path.is_dir() or (path.is_file() and path.name.lower().endswith(RECORDS))):
            raise _no_batch(path)
        self.path = path
        self.delivery: Delivery = deliver(path)
        self.held: dict[str, bytes] = {}
        self.quarantined = self.delivery.unfollowed()
        self.source = default_source or USUAL_SOURCE
        self.is_named = default_source is not None
        self.columns = USUAL
        self.about: dict[str, str | None] = {}

    def batch(self) -> Batch:
        self.read_settings()
        self.name_texts()
        corpora, texts = records_among(self.delivery.names), self._texts()
        if not corpora and not texts:
            raise _no_batch(self.path)
        corpus, digest = Corpus(self.source), Digest()
        self._hold(self._judged())
        # The digest wants the files in the order of their names, whatever they are for.
        for name in sorted({*self.held, *(corpora or texts)}):
            if name in self.held:
                digest.add(name, self.held[name])
            elif corpora:
                with self.delivery.stream(name, digest) as file:
                    read_records_into(corpus, file, self.columns)
            else:
                self._read_text(name, corpus, digest)
        self.quarantined += corpus.told()
        pairs = self._pairs()
        self.delivery.check_unchanged()
        return self._assemble(corpus, digest, pairs, snapshot=not corpora)

    def _assemble(self, corpus: Corpus, digest: Digest, pairs: list[Pair], snapshot: bool) -> Batch:
        return Batch(
            name=printable(self.path.name),
            digest=digest.hexdigest(),
            source=self.source,
            label=self.about.get("label"),
            instruction=self.about.get("instruction"),
            time=self.about.get("time"),
            documents=corpus.documents,
            deleted=tuple(corpus.deleted.values()),
            snapshot=snapshot,
            pairs=tuple(pairs),
            quarantined=tuple(self.quarantined),
        )

    def _texts(self) -> list[str]:
        return [name for name in self.delivery.names if name.lower().endswith(TEXTS)]

    def _judged(self) -> list[str]:
        """Queries and judgements; they are few, and all of them are in memory as pairs anyway."""
        there = self.delivery.names
        return [name for name in (*QUERIES, TRAIN) if name in there] if TRAIN in there else []

    def _pairs(self) -> list[Pair]:
        if TRAIN not in self.held:
            return []
        queries = [File.holding(n, self.held[n]) for n in QUERIES if n in self.held]
        pairs, refused = read_pairs(queries, File.holding(TRAIN, self.held[TRAIN]), self.source)
        self.quarantined += refused
        return pairs

    def read_settings(self) -> None:
        """A batch of an unknown source is refused: its documents would take a wrong identity."""
        if SETTINGS in self.delivery.links:
            raise self._bad_settings("it is a link, and links are not followed")
        if SETTINGS not in self.delivery.names:
            return
        self._hold([SETTINGS])
        try:
            fields = parse_object(decode(without_mark(self.held[SETTINGS])))
            source = fields.get("source")
            if source is not None:
                if not isinstance(source, str):
                    raise Refused("the source is not a string")
                self.source, self.is_named = check_identifier(source), True
        except Refused as refused:
            raise self._bad_settings(str(refused)) from None
        for key in ("label", "instruction", "time"):
            self.about[key] = self._text(key, fields.get(key))
        try:
            self.columns = read_columns(fields.get("columns", {}))
        except Refused as refused:
            raise self._bad_settings(str(refused), "which columns mean what") from None

    def name_texts(self) -> None:
        """A folder of texts is a source of its own, where nothing else was said."""
        if self._texts() and not records_among(self.delivery.names) and not self.is_named:
            self.source = printable(self.path.name)

    def _text(self, key: str, value: object) -> str | None:
        if value is None:
            return None
        try:
            if not isinstance(value, str):
                raise Refused("not a string")
            if len(value) > ABOUT_LIMIT:
                raise Refused(f"longer than {ABOUT_LIMIT} characters")
            return check_unicode(value)
        except Refused as refused:
            self.quarantined.append(Quarantined(SETTINGS, f"the {key} is {refused}"))
        return None

    def _bad_settings(self, reason: str, what: str = "which source the batch is of") -> BatchError:
        place = self.path / SETTINGS
        return BatchError(
            f"{place} does not say {what}: {reason}",
            hint=f"python -m json.tool {shlex.quote(str(place))}",
        )

    def _hold(self, names: list[str]) -> None:
        self.held.update({name: self.delivery.hold(name) for name in names})

    def _read_text(self, name: str, corpus: Corpus, digest: Digest) -> None:
        """A folder of texts is not refused for one that is too long or cannot be read."""
        try:
            if self.delivery.size(name) > BYTES_PER_CHARACTER * TEXT_LIMIT:
                raise Refused(f"longer than {TEXT_LIMIT:,} characters")
            data = self.delivery.hold(name)
        except OSError as error:
            reason = f"cannot be read: {error.strerror}"
            self.quarantined.append(Quarantined(printable(name), reason))
        except Refused as refused:
            self.quarantined.append(Quarantined(printable(name), str(refused)))
        else:
            digest.add(name, data)
            read_text_into(corpus, File.holding(name, data))
