"""Documents out of a batch's files: JSON lines, or a folder of Markdown and plain text."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from pipeline.documents import Document, Key
from pipeline.readers import (
    File,
    Quarantined,
    Record,
    Refused,
    check_identifier,
    check_unicode,
    decode,
    identifier,
    read_objects,
)

TEXT_LIMIT = 10_000_000
"""Characters of a title and text together."""
HEADING = re.compile(r" {0,3}#{1,6}[ \t]+(.*?)(?:[ \t]+#+)?[ \t]*")
FENCE = re.compile(r" {0,3}(?:```|~~~)")


@dataclass
class Corpus:
    """The documents and deletions found so far; an id counts where it is first written."""

    source: str
    documents: dict[str, Document] = field(default_factory=dict)
    deleted: dict[str, Key] = field(default_factory=dict)
    quarantined: list[Quarantined] = field(default_factory=list)

    def take(self, record: Record) -> None:
        """Add what one line says, or the reason why not."""
        try:
            name = identifier(record.fields)
            if _is_deletion(record.fields):
                self._delete(name)
            else:
                self._add(document(record.fields, self.source))
        except Refused as refused:
            self.quarantined.append(Quarantined(record.where, str(refused)))

    def _delete(self, name: str) -> None:
        if name in self.documents:
            raise Refused("the id appears again, now as a deletion")
        if name in self.deleted:
            raise Refused("the deletion appears again")
        self.deleted[name] = (self.source, name)

    def _add(self, new: Document) -> None:
        if new.id in self.deleted:
            raise Refused("the id appears again after its deletion")
        first = self.documents.setdefault(new.id, new)
        if first is not new:
            raise Refused(f"the id appears again with {_difference(first, new)}")


def read_corpus(files: Iterable[File], source: str) -> Corpus:
    """Every document that files of JSON lines hold."""
    corpus = Corpus(source)
    for file in files:
        for outcome in read_objects(file):
            if isinstance(outcome, Quarantined):
                corpus.quarantined.append(outcome)
            else:
                corpus.take(outcome)
    return corpus


def read_texts(files: Iterable[File], source: str) -> Corpus:
    """One document a file: its name is the id, its first heading (or its name) the title."""
    corpus = Corpus(source)
    for file in files:
        try:
            corpus.documents[file.name] = text_document(file, source)
        except Refused as refused:
            corpus.quarantined.append(Quarantined(file.place, str(refused)))
    return corpus


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
    return _checked(
        Document(source, identifier(fields), title or "", text, _canonical(fields.get("metadata")))
    )


def text_document(file: File, source: str) -> Document:
    """The document that a Markdown or text file is."""
    text = decode(file.data.removeprefix(b"\xef\xbb\xbf"))
    if not text.strip():
        raise Refused("the file is empty")
    base = file.name.rpartition("/")[2]
    stem, _, kind = base.rpartition(".")
    heading = first_heading(text) if kind.lower() == "md" else ""
    return _checked(Document(source, check_identifier(file.name), heading or stem, text))


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


def _checked(document: Document) -> Document:
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


def _difference(first: Document, second: Document) -> str:
    if first.content_hash == second.content_hash:
        return "the same text"
    return "another text" if first.text_hash != second.text_hash else "other metadata"
