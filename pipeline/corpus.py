"""Documents out of a batch's files: a record each, or a whole text each."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import Any

from pipeline.columns import USUAL, Columns
from pipeline.documents import Document, Key
from pipeline.files import File, Refused
from pipeline.formats import read_records
from pipeline.pages import read_page
from pipeline.readers import (
    Quarantined,
    Record,
    check_identifier,
    check_unicode,
    decode,
    identifier,
    without_mark,
)
from pipeline.spool import Spool

TEXT_LIMIT = 10_000_000
"""Characters of a title and text together."""
LISTED = 10_000
"""Quarantined lines that are listed one by one; a file may hold a billion of them."""
HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*")
FENCE = re.compile(r" {0,3}(?:```|~~~)")


@dataclass
class Corpus:
    """The documents and deletions found so far; an id counts where it is first written.

    The documents wait on disk. What stays in memory of each is its id and hashes.
    """

    source: str
    documents: Spool = field(default_factory=Spool)
    deleted: dict[str, Key] = field(default_factory=dict)
    quarantined: list[Quarantined] = field(default_factory=list)
    unlisted: int = 0
    _seen: dict[str, bytes] = field(default_factory=dict)

    def take(self, outcome: Record | Quarantined) -> None:
        """Add what one line or row says, or the reason why not."""
        if isinstance(outcome, Quarantined):
            self._refuse(outcome)
            return
        try:
            name = identifier(outcome.fields)
            if _is_deletion(outcome.fields):
                self._delete(name)
            else:
                self.add(document(outcome.fields, self.source))
        except Refused as refused:
            self._refuse(Quarantined(outcome.where, str(refused)))

    def add(self, new: Document) -> None:
        if new.id in self.deleted:
            raise Refused("the id appears again after its deletion")
        hashes = bytes.fromhex(new.text_hash) + bytes.fromhex(new.content_hash)
        first = self._seen.setdefault(new.id, hashes)
        if first is not hashes:
            raise Refused(f"the id appears again with {_difference(first, hashes)}")
        self.documents.append(new)

    def told(self) -> list[Quarantined]:
        """What was refused, and how much more there was than anybody would read."""
        more = [Quarantined("further lines", f"{self.unlisted:,} more are not listed")]
        return self.quarantined + (more if self.unlisted else [])

    def _refuse(self, entry: Quarantined) -> None:
        if len(self.quarantined) < LISTED:
            self.quarantined.append(entry)
        else:
            self.unlisted += 1

    def _delete(self, name: str) -> None:
        if name in self._seen:
            raise Refused("the id appears again, now as a deletion")
        if name in self.deleted:
            raise Refused("the deletion appears again")
        self.deleted[name] = (self.source, name)


def read_records_into(corpus: Corpus, file: File, columns: Columns = USUAL) -> None:
    """Take every document of a file in any format that `pipeline/formats.py` names."""
    for outcome in read_records(file, columns):
        corpus.take(outcome)


def read_text_into(corpus: Corpus, file: File) -> None:
    """Take a file as one document: its name is the id, its heading (or its name) the title."""
    try:
        corpus.add(text_document(file, corpus.source))
    except Refused as refused:
        corpus.quarantined.append(Quarantined(file.place, str(refused)))


def document(fields: dict[str, Any], source: str) -> Document:
    """The document that a JSON object describes.

    A text is kept as it was written, control characters included.

    >>> document({"id": 3, "text": "Low tide", "metadata": {"b": 1, "a": 2}}, "sea")
    Document(source='sea', id='3', title='', text='Low tide', metadata='{"a":2,"b":1}')
    """
    if fields.get("text") is None:
        raise Refused("the text is missing")
    title, text = fields.get("title"), fields["text"]
    if not isinstance(text, str):
        raise Refused("the text is not a string")
    if not isinstance(title, str | None):
        raise Refused("the title is not a string")
    return checked(
        Document(source, identifier(fields), title or "", text, _canonical(fields.get("metadata")))
    )


def text_document(file: File, source: str) -> Document:
    """The document that a Markdown, text or HTML file is."""
    text = decode(without_mark(file.stream.read()))
    base = file.name.rpartition("/")[2]
    stem, _, kind = base.rpartition(".")
    heading = first_heading(text) if kind.lower() == "md" else ""
    if kind.lower() in ("html", "htm"):
        heading, text = read_page(text)
    if not text.strip():
        raise Refused("the file is empty")
    return checked(Document(source, check_identifier(file.name), heading or stem, text))


def first_heading(text: str) -> str:
    """The first `# heading` of a Markdown text outside of fenced code; empty without one.

    >>> first_heading("Hello\\n## Low tide ##\\n# Later")
    'Low tide'
    """
    fenced = False
    for line in text.splitlines():
        if FENCE.match(line):
            fenced = not fenced
        heading = HEADING.fullmatch(line)
        if heading and heading[1] and not fenced:
            return heading[1].strip()
    return ""


def checked(document: Document) -> Document:
    """The document itself, if it can be one."""
    if not document.text.strip() and not document.title.strip():
        raise Refused("title and text are both empty")
    if len(document.title) + len(document.text) > TEXT_LIMIT:
        raise Refused(f"longer than {TEXT_LIMIT:,} characters")
    for part in (document.title, document.text, document.metadata):
        check_unicode(part)
    return document


def _canonical(metadata: Any) -> str:
    """Equal metadata have equal strings."""
    if metadata is None:
        return "{}"
    if not isinstance(metadata, dict):
        raise Refused("the metadata are not an object")
    try:
        return json.dumps(metadata, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    except RecursionError:
        raise Refused("nested too deeply") from None


def _is_deletion(fields: dict[str, Any]) -> bool:
    deleted = fields.get("_deleted", False)
    if not isinstance(deleted, bool):
        raise Refused("_deleted is neither true nor false")
    return deleted


def _difference(first: bytes, second: bytes) -> str:
    if first == second:
        return "the same text"
    return "another text" if first[:32] != second[:32] else "other metadata"
