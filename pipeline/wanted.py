"""Columns as somebody names them for an import; ids are made from texts where a table has none.

    id  =  the first 16 digits of SHA-256(title, text)

so the same text keeps its id however often, and in whatever order, it is imported.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pipeline.columns import DELETED, Columns, Layout
from pipeline.documents import Document
from pipeline.files import File, Refused
from pipeline.readers import ID_FIELDS, Quarantined, Record, read_objects

DIGITS = 16
COLUMNS = 1_000


@dataclass(frozen=True)
class Wanted(Columns):
    """Columns by the part that they are, and which columns were met on the way."""

    met: dict[str, None] = field(default_factory=dict)
    made: set[bool] = field(default_factory=set)
    """Whether ids had to be made, for any row."""

    def bind(self, names: Sequence[str], where: str) -> Layout:
        """This mapping for a table with these columns; `BatchError` if one is missing."""
        self._meet(names)
        named = self.id is not None or any(name in ID_FIELDS for name in names)
        self.made.add(not named)
        if named or not names:
            return super().bind(names, where)
        # Any column will do: its cells are read, and ids are made instead.
        beside = Columns((self.text or tuple(names))[0], self.title, self.text, self.metadata)
        return WithoutIds(**vars(beside.bind(names, where)))

    def of(self, line: Mapping[str, Any]) -> dict[str, Any]:
        """A JSON object of any names as one of the usual names; what it lacks is absent.

        >>> Wanted(id="sku", text=("summary",)).of({"sku": 7, "summary": "Low tide"})["text"]
        'Low tide'
        """
        self._meet(line)
        id_ = self.id or next((name for name in ID_FIELDS if name in line), None)
        text = self.text or ("text",)
        self.made.add(id_ is None)
        packed = None if self.metadata else "metadata"
        layout = WithoutIds if id_ is None else Layout
        bound = layout(id_ or text[0], self.title or "title", text, self.metadata, packed, DELETED)
        return bound.fields(_Lenient(line))

    @property
    def is_usual(self) -> bool:
        """Whether nobody named any column."""
        return not (self.id or self.title or self.text or self.metadata)

    def _meet(self, names: Iterable[str]) -> None:
        """Lines may have as many names as they like; so many are remembered."""
        for name in names:
            if len(self.met) < COLUMNS:
                self.met[name] = None


@dataclass(frozen=True)
class WithoutIds(Layout):
    """A table whose rows are named by what they say."""

    def fields(self, row: Mapping[str, Any]) -> dict[str, Any]:
        fields = super().fields(row)
        title, text = fields.get("title") or "", fields["text"]
        if not isinstance(title, str) or not isinstance(text, str):
            raise Refused("the text is missing" if text is None else "the text is not a string")
        return {**fields, "_id": Document("", "", title, text).text_hash[:DIGITS]}


def read_lines_as(file: File, wanted: Wanted) -> Iterator[Record | Quarantined]:
    """The JSON objects of a file, their names understood as `wanted`."""
    for outcome in read_objects(file):
        if isinstance(outcome, Quarantined):
            yield outcome
            continue
        try:
            yield Record(outcome.where, wanted.of(outcome.fields))
        except Refused as refused:
            yield Quarantined(outcome.where, str(refused))


class _Lenient(dict[str, Any]):
    def __missing__(self, name: str) -> None:
        return None
