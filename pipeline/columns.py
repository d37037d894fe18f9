"""What the columns of a table mean: which one is the id, which ones make the text.

A part that nobody names goes by its usual name.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, time
from typing import Any

from nightshift.errors import BatchError
from pipeline.files import Refused
from pipeline.readers import ID_FIELDS, parse_object

DELETED = "_deleted"
PARTS = ("_id", "title", "text", "metadata")
ABSENT = frozenset(("", "nan", "null", "nat"))
INFINITE = frozenset(("inf", "-inf", "+inf", "infinity", "-infinity", "+infinity"))
WRITTEN = {"true": True, "1": True, "false": False, "0": False, "": False}
SHOWN = 30
"""Columns that a sentence lists."""


@dataclass(frozen=True)
class Columns:
    """Columns by the part of a document they are; several texts are joined by blank lines."""

    id: str | None = None
    title: str | None = None
    text: tuple[str, ...] = ()
    metadata: tuple[str, ...] = field(default=())

    def bind(self, names: Sequence[str], where: str) -> Layout:
        """This mapping for a table with these columns; `BatchError` if one is missing."""
        for name in (self.id, self.title, *self.text, *self.metadata):
            if name is not None and names.count(name) != 1:
                raise _unfit(where, f"has no column {_shown(name)}" if name not in names else
                             f"has more than one column {_shown(name)}", names)  # fmt: skip
        id_ = self.id or next((name for name in ID_FIELDS if name in names), None)
        text = self.text or tuple(name for name in ("text",) if name in names)
        if id_ is None or not text:
            what = "ids" if id_ is None else "texts"
            raise _unfit(where, f"does not say which column holds the {what}", names)
        title = self.title or ("title" if "title" in names else None)
        packed = "metadata" if "metadata" in names and not self.metadata else None
        deleted = DELETED if DELETED in names else None
        return Layout(id_, title, text, self.metadata, packed, deleted)


USUAL = Columns()


@dataclass(frozen=True)
class Layout:
    """Where a table has what; `packed`: one column with all metadata as a JSON object."""

    id: str
    title: str | None
    text: tuple[str, ...]
    metadata: tuple[str, ...]
    packed: str | None
    deleted: str | None

    @property
    def needed(self) -> list[str]:
        single = (self.id, self.title, self.packed, self.deleted)
        return list(dict.fromkeys([*filter(None, single), *self.text, *self.metadata]))

    def fields(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """A row as the object that a JSON line would hold."""
        fields: dict[str, Any] = {"_id": plain(row[self.id])}
        if self.deleted is not None:
            fields[DELETED] = _flag(row[self.deleted])
        if self.title is not None:
            fields["title"] = plain(row[self.title])
        texts = [plain(row[name]) for name in self.text]
        fields["text"] = texts[0] if len(texts) == 1 else _joined(texts)
        if self.packed is not None:
            fields["metadata"] = _object(row[self.packed])
        elif self.metadata:
            values = {name: _value(row[name]) for name in self.metadata}
            fields["metadata"] = {name: v for name, v in values.items() if v is not None}
        return fields


def read_columns(mapping: object) -> Columns:
    """The mapping that a batch.json holds.

    >>> read_columns({"_id": "sku", "text": ["summary", "body"]})
    Columns(id='sku', title=None, text=('summary', 'body'), metadata=())
    """
    if not isinstance(mapping, dict):
        raise Refused("the columns are not an object")
    for part in mapping.keys() - set(PARTS):
        raise Refused(f"the columns name {_shown(part)}, which is none of {', '.join(PARTS)}")
    lists = {part: _names(part, mapping.get(part)) for part in PARTS}
    for part in ("_id", "title"):
        if len(lists[part]) > 1:
            raise Refused(f"the {part} takes one column")
    first = {part: next(iter(names), None) for part, names in lists.items()}
    return Columns(first["_id"], first["title"], lists["text"], lists["metadata"])


def plain(value: Any) -> Any:
    """A cell as JSON could hold it: not-a-number is absent; dates, decimals and bytes are strings.

    >>> plain({"day": date(2026, 3, 1), "size": [1.5, math.nan]})
    {'day': '2026-03-01', 'size': [1.5, None]}
    """
    if value is None or isinstance(value, (bool, int, str)):
        return value
    if isinstance(value, float):
        if math.isinf(value):
            raise Refused(f"{value} is not a finite number")
        return None if math.isnan(value) else value
    if isinstance(value, (list, tuple)):
        return [plain(entry) for entry in value]
    if isinstance(value, dict):
        return {str(name): plain(entry) for name, entry in value.items()}
    if isinstance(value, (date, datetime, time)):
        return value.isoformat()
    if isinstance(value, bytes):
        try:
            return value.decode("utf-8")
        except UnicodeDecodeError:
            return value.hex()
    return str(value)


def _value(cell: Any) -> Any:
    """A cell of metadata; a table of text spells absence and infinity in words."""
    if isinstance(cell, str):
        word = cell.strip().casefold()
        if word in INFINITE:
            raise Refused(f"{cell.strip()} is not a finite number")
        return None if word in ABSENT else cell
    return plain(cell)


def _object(cell: Any) -> Any:
    if isinstance(cell, str):
        return None if cell.strip().casefold() in ABSENT else parse_object(cell)
    return plain(cell)


def _flag(cell: Any) -> Any:
    if isinstance(cell, str):
        return WRITTEN.get(cell.strip().casefold(), cell)
    return False if cell is None else cell


def _joined(texts: list[Any]) -> str | None:
    there = [text for text in texts if text is not None]
    if not all(isinstance(text, str) for text in there):
        raise Refused("the text is not a string")
    return "\n\n".join(text for text in there if text.strip()) if there else None


def _names(part: str, value: object) -> tuple[str, ...]:
    names = [value] if isinstance(value, str) else [] if value is None else value
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        raise Refused(f"the columns of the {part} are neither a name nor a list of names")
    return tuple(names)


def _unfit(where: str, what: str, names: Sequence[str]) -> BatchError:
    there = ", ".join(map(_shown, names[:SHOWN])) + (", ..." if len(names) > SHOWN else "")
    return BatchError(
        f"{where} {what}; its columns are {there or 'none'}",
        hint='write {"columns": {"_id": "...", "text": "..."}} into the batch\'s batch.json',
    )


def _shown(name: object) -> str:
    return repr(str(name)[:80])
