"""A batch: what one delivery brings, read whole from a folder or a file.

Files outside of it are never read. What cannot be used is listed with its place and its reason, and
the rest goes on.
"""

from __future__ import annotations

import os
import shlex
from dataclasses import dataclass
from pathlib import Path

from nightshift.errors import BatchError
from pipeline.corpus import TEXT_LIMIT, Corpus, read_corpus, read_texts
from pipeline.delivery import Delivery, deliver, digest
from pipeline.documents import Document, Key, Pair
from pipeline.judgements import read_pairs
from pipeline.readers import (
    File,
    Quarantined,
    Refused,
    check_identifier,
    decode,
    parse_object,
    printable,
)

JSON_LINES = (".jsonl", ".jsonl.gz")
TEXTS = (".md", ".txt")
UNFINISHED = (".tmp", ".part")
CORPUS = ("corpus.jsonl", "corpus.jsonl.gz")
QUERIES = ("queries.jsonl", "queries.jsonl.gz")
TRAIN = "qrels/train.tsv"
SETTINGS = "batch.json"
BYTES_PER_CHARACTER = 4


@dataclass(frozen=True)
class Batch:
    """What a delivery holds.

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
    documents: tuple[Document, ...]
    deleted: tuple[Key, ...]
    snapshot: bool
    pairs: tuple[Pair, ...]
    quarantined: tuple[Quarantined, ...]

    @property
    def present(self) -> frozenset[Key]:
        """What a snapshot still holds: a file that cannot be read today has not vanished."""
        unread = {(self.source, entry.where) for entry in self.quarantined}
        return frozenset(document.key for document in self.documents) | unread


def read_batch(path: Path, default_source: str = "default") -> Batch:
    """The batch at `path`; `BatchError` where there is none, or where its source is in doubt."""
    path = Path(os.path.abspath(path))
    if path.is_file() and not path.name.lower().endswith(JSON_LINES):
        raise _no_batch(path)
    try:
        return _Reading(path, default_source).batch()
    except OSError as error:
        raise BatchError(
            f"{error.filename or path} cannot be read: {error.strerror}",
            hint=f"ls -l {shlex.quote(str(path))}",
        ) from error


def source_of(folder: Path, default_source: str = "default") -> str:
    """The source that a folder's batch.json names, or the default one."""
    reading = _Reading(folder, default_source)
    reading.read_settings()
    return reading.source


def pending(inbox: Path) -> list[Path]:
    """The batches that wait in a folder, in the order of their names.

    Hidden entries, links, and what is still being written (`.tmp`, `.part`) do not count.
    """
    if not inbox.is_dir():
        raise BatchError(
            f"there is no inbox folder at {inbox}", hint=f"mkdir -p {shlex.quote(str(inbox))}"
        )
    return sorted((entry for entry in inbox.iterdir() if _waits(entry)), key=lambda e: e.name)


def _waits(entry: Path) -> bool:
    name = entry.name.lower()
    if name.startswith(".") or name.endswith(UNFINISHED) or entry.is_symlink():
        return False
    return entry.is_dir() or (entry.is_file() and name.endswith(JSON_LINES))


def _no_batch(path: Path) -> BatchError:
    return BatchError(
        f"{path} is not a batch: it takes a folder with corpus.jsonl or other .jsonl or .jsonl.gz "
        "files, a folder of .md and .txt files, or one .jsonl or .jsonl.gz file",
        hint=f"ls {shlex.quote(str(path if path.exists() else path.parent))}",
    )


class _Reading:
    """One pass over a delivery, keeping what was read and what was refused."""

    def __init__(self, path: Path, default_source: str) -> None:
        if not path.exists():
            raise _no_batch(path)
        self.path = path
        self.delivery: Delivery = deliver(path)
        self.files: list[File] = []
        self.quarantined = self.delivery.unfollowed()
        self.source = default_source
        self.about: dict[str, str | None] = {}

    def batch(self) -> Batch:
        self.read_settings()
        corpora, texts = self._corpora(), self._texts()
        if corpora:
            corpus = read_corpus(self._read(corpora), self.source)
        elif texts:
            corpus = read_texts(self._read_those_possible(texts), self.source)
        else:
            raise _no_batch(self.path)
        self.quarantined += corpus.quarantined
        pairs = self._pairs() if corpora else []
        return self._assemble(corpus, pairs, snapshot=not corpora)

    def _assemble(self, corpus: Corpus, pairs: list[Pair], snapshot: bool) -> Batch:
        return Batch(
            name=self.path.name,
            digest=digest(self.files),
            source=self.source,
            label=self.about.get("label"),
            instruction=self.about.get("instruction"),
            time=self.about.get("time"),
            documents=tuple(corpus.documents.values()),
            deleted=tuple(corpus.deleted.values()),
            snapshot=snapshot,
            pairs=tuple(pairs),
            quarantined=tuple(self.quarantined),
        )

    def _corpora(self) -> list[str]:
        top = [name for name in self.delivery.names if "/" not in name and name not in QUERIES]
        named = [name for name in top if name in CORPUS]
        return named or [name for name in top if name.lower().endswith(JSON_LINES)]

    def _texts(self) -> list[str]:
        return [name for name in self.delivery.names if name.lower().endswith(TEXTS)]

    def _pairs(self) -> list[Pair]:
        if TRAIN not in self.delivery.names:
            return []
        queries = self._read([name for name in QUERIES if name in self.delivery.names])
        [train] = self._read([TRAIN])
        pairs, refused = read_pairs(queries, train, self.source)
        self.quarantined += refused
        return pairs

    def read_settings(self) -> None:
        """A batch of an unknown source is refused: its documents would take a wrong identity."""
        if SETTINGS in self.delivery.links:
            raise self._bad_settings("it is a link, and links are not followed")
        if SETTINGS not in self.delivery.names:
            return
        [file] = self._read([SETTINGS])
        try:
            fields = parse_object(decode(file.data.removeprefix(b"\xef\xbb\xbf")))
            source = fields.get("source")
            if source is not None:
                if not isinstance(source, str):
                    raise Refused("the source is not a string")
                self.source = check_identifier(source)
        except Refused as refused:
            raise self._bad_settings(str(refused)) from None
        for key in ("label", "instruction", "time"):
            self.about[key] = self._text(key, fields.get(key))

    def _text(self, key: str, value: object) -> str | None:
        if value is None or isinstance(value, str):
            return value
        self.quarantined.append(Quarantined(SETTINGS, f"the {key} is not a string"))
        return None

    def _bad_settings(self, reason: str) -> BatchError:
        place = self.path / SETTINGS
        return BatchError(
            f"{place} does not say which source the batch is of: {reason}",
            hint=f"python -m json.tool {shlex.quote(str(place))}",
        )

    def _read(self, names: list[str]) -> list[File]:
        files = [self.delivery.read(name) for name in names]
        self.files += files
        return files

    def _read_those_possible(self, names: list[str]) -> list[File]:
        """A folder of texts is not refused for one of them."""
        possible: list[File] = []
        for name in names:
            try:
                if self.delivery.size(name) <= BYTES_PER_CHARACTER * TEXT_LIMIT:
                    possible.append(self.delivery.read(name))
                    continue
                reason = f"longer than {TEXT_LIMIT:,} characters"
            except OSError as error:
                reason = f"cannot be read: {error.strerror}"
            self.quarantined.append(Quarantined(printable(name), reason))
        self.files += possible
        return possible
