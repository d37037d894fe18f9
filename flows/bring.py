"""An import: anything that holds texts becomes a batch, which a night takes like any other.

    SOURCE -> files at hand -> records, their columns understood -> documents -> a batch folder

What can be read: all that a batch may be (pipeline/batch.py), datasets as Hugging Face's library
saves them, PDF files, and any of these at an address.
"""

from __future__ import annotations

import json
import shlex
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

from flows.remote import at_hand
from nightshift.errors import BatchError
from pipeline.arrow import is_dataset, read_dataset
from pipeline.batch import QUERIES, SETTINGS, TRAIN, records_among, settings_of
from pipeline.corpus import Corpus, text_document
from pipeline.delivery import Delivery, Digest, deliver
from pipeline.documents import Document
from pipeline.files import File, Refused, printable
from pipeline.formats import JSON_LINES, RECORDS, TEXTS, TOLD, read_records
from pipeline.inbox import UNFINISHED, mark
from pipeline.pdf import PDF, SIZE_LIMIT, pdf_document
from pipeline.readers import Quarantined, Record
from pipeline.wanted import Wanted, read_lines_as
from state.folder import new_folder

FIRST = 3
"""Documents of a preview."""


@dataclass(frozen=True)
class Brought:
    """What was found; `folder` is the batch that was written, if one was."""

    source: str
    columns: tuple[str, ...]
    """Columns that the records have; none where a document is a file."""
    ids_made: bool
    documents: int
    deleted: int
    first: tuple[Document, ...]
    left_out: tuple[Quarantined, ...]
    beside: tuple[str, ...]
    """Queries and judgements that came along."""
    folder: Path | None = None

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "folder": str(self.folder) if self.folder else None}


def bring(
    address: str, to: Path | None, wanted: Wanted | None = None, source: str | None = None
) -> Brought:
    """Read all that is at `address`; write it as a batch into the inbox `to`, or as that folder."""
    wanted = wanted or Wanted()
    with at_hand(address) as path:
        if not path.exists():
            raise BatchError(f"there is nothing at {address}", hint=f"ls {shlex.quote(address)}")
        told = "default"
        if path.is_dir():
            told, usual = settings_of(path)
            wanted = Wanted(**vars(usual)) if wanted.is_usual else wanted
        corpus = Corpus(source or told)
        beside = _read(path, corpus, wanted, address)
        if not len(corpus.documents) and not corpus.deleted:
            raise _nothing(address, corpus, wanted)
        brought = Brought(
            corpus.source,
            tuple(wanted.met),
            any(wanted.made),
            len(corpus.documents),
            len(corpus.deleted),
            tuple(islice(corpus.documents, FIRST)),
            tuple(corpus.told()),
            tuple(beside),
        )
        return replace(brought, folder=_write(path, corpus, beside, to)) if to else brought


def _read(path: Path, corpus: Corpus, wanted: Wanted, address: str) -> list[str]:
    """Take everything into the corpus; names of the queries and judgements that lie beside it."""
    try:
        if path.is_dir() and is_dataset(path):
            for outcome in read_dataset(path, wanted):
                corpus.take(outcome)
            return []
        delivery = deliver(path)
        corpus.quarantined += delivery.unfollowed()
        if records := records_among(delivery.names):
            for name in records:
                with delivery.stream(name, Digest()) as file:
                    for outcome in _records(file, wanted):
                        corpus.take(outcome)
            judged = (*QUERIES, TRAIN) if TRAIN in delivery.names else ()
            return [name for name in judged if name in delivery.names]
        for name in delivery.names:
            if name.lower().endswith((*TEXTS, PDF)):
                _take_file(delivery, name, corpus)
    except BatchError as error:
        if "columns are" in error.message:
            raise _unclear(error, address) from error
        # Where it was copied to is nobody's business.
        hint = error.hint and error.hint.replace(str(path), address)
        raise BatchError(error.message.replace(str(path), address), hint=hint) from error
    return []


def _records(file: File, wanted: Wanted) -> Iterator[Record | Quarantined]:
    lines = file.name.lower().endswith(JSON_LINES)
    return read_lines_as(file, wanted) if lines else read_records(file, wanted)


def _take_file(delivery: Delivery, name: str, corpus: Corpus) -> None:
    """One text or PDF; one that cannot be read keeps nobody from the others."""
    try:
        if delivery.size(name) > SIZE_LIMIT:
            raise Refused(f"longer than {SIZE_LIMIT:,} bytes")
        file = File.holding(name, delivery.hold(name))
        made = pdf_document if name.lower().endswith(PDF) else text_document
        corpus.add(made(file, corpus.source))
    except Refused as refused:
        corpus.quarantined.append(Quarantined(printable(name), str(refused)))
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        corpus.quarantined.append(Quarantined(printable(name), reason))


def _write(path: Path, corpus: Corpus, beside: Sequence[str], to: Path) -> Path:
    target = to / _named(path) if to.is_dir() else to
    with new_folder(target) as folder:
        with (folder / "corpus.jsonl").open("w", encoding="utf-8") as file:
            for document in corpus.documents:
                file.write(json.dumps(_line(document), ensure_ascii=False) + "\n")
            for name in corpus.deleted:
                file.write(json.dumps({"_id": name, "_deleted": True}, ensure_ascii=False) + "\n")
        (folder / SETTINGS).write_text(json.dumps({"source": corpus.source}) + "\n", "utf-8")
        for name in beside:
            (folder / name).parent.mkdir(exist_ok=True)
            shutil.copyfile(path / name, folder / name)
        mark(folder, target.parent)
    return target


def _line(document: Document) -> dict[str, Any]:
    line: dict[str, Any] = {"_id": document.id, "title": document.title, "text": document.text}
    metadata = json.loads(document.metadata)
    return {**line, "metadata": metadata} if metadata else line


def _named(path: Path) -> str:
    """A batch's name in an inbox: never hidden, and never one that looks unfinished.

    >>> _named(Path("data/v1.2.jsonl.gz")), _named(Path("upload.part"))
    ('v1.2', 'upload.part-import')
    """
    name = path.resolve().name.strip(".")
    ending = next((end for end in (*RECORDS, *TEXTS, PDF) if name.lower().endswith(end)), "")
    name = name[: len(name) - len(ending)]
    return f"{name}-import" if not name or name.lower().endswith(UNFINISHED) else name


def _nothing(address: str, corpus: Corpus, wanted: Wanted) -> BatchError:
    reasons = dict.fromkeys(entry.reason for entry in corpus.told())
    told = f": {'; '.join(islice(reasons, 3))}" if reasons else ""
    error = BatchError(f"{address} has no document that can be used{told}")
    if not wanted.met and not reasons:
        return BatchError(
            f"{address} holds nothing that can be imported: that is {TOLD}, "
            f"{', '.join(TEXTS)}, .pdf, or a dataset saved by Hugging Face's library"
        )
    if not wanted.met:
        return error
    columns = ", ".join(repr(name[:80]) for name in islice(wanted.met, 30))
    return _unclear(BatchError(f"{error.message}; its columns are {columns}"), address)


def _unclear(error: BatchError, address: str) -> BatchError:
    hint = f"nightshift import {shlex.quote(address)} --text COLUMN --dry-run"
    return BatchError(error.message, hint=hint)
