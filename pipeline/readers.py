"""Lines and objects out of files that nobody has checked.

Whatever the bytes are, reading goes on: each line becomes an object or a note about what is wrong
with it.
"""

from __future__ import annotations

import codecs
import json
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pipeline.files import File, Refused
from pipeline.packed import unpacked

LINE_LIMIT = 128 * 2**20
"""Bytes of a line: the longest document, even with every character written as an escape."""
VALUE_LIMIT = 200_000
"""Values in a line, whatever is nested in what: read, one takes thirty times its bytes."""
STRING = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+(?:"|\\?\Z)', re.DOTALL)
"""A string of JSON, or the beginning of one that does not end."""
ID_LIMIT = 1024
ID_FIELDS = ("_id", "id", "doc_id", "docno")


@dataclass(frozen=True)
class Quarantined:
    """Something that was not taken in: `where` is a file name, mostly with `:line`."""

    where: str
    reason: str


@dataclass(frozen=True)
class Line:
    """A line without its end; `cut` when the file ends before the line does."""

    where: str
    text: str
    cut: bool


@dataclass(frozen=True)
class Record:
    """A JSON object and where it was written."""

    where: str
    fields: dict[str, Any]


def read_objects(file: File) -> Iterator[Record | Quarantined]:
    """The JSON objects of a file, one a line.

    >>> for outcome in read_objects(File.holding("a.jsonl", b'{"_id": 1}\\n[]\\n{"_id"')):
    ...     print(outcome)
    Record(where='a.jsonl:1', fields={'_id': 1})
    Quarantined(where='a.jsonl:2', reason='not a JSON object')
    Quarantined(where='a.jsonl:3', reason='the last line is cut off')
    """
    for line in read_lines(file):
        if isinstance(line, Quarantined):
            yield line
            continue
        try:
            yield Record(line.where, parse_object(line.text))
        except Refused as refused:
            cut = line.cut and line.text.startswith("{") and not line.text.endswith("}")
            yield Quarantined(line.where, "the last line is cut off" if cut else str(refused))


def read_lines(file: File) -> Iterator[Line | Quarantined]:
    """The lines of a file that are not blank, unpacked where its name says that it is packed."""
    number = 0
    try:
        for number, raw in enumerate(raw_lines(file), start=1):
            where = f"{file.place}:{number}"
            if raw is None:
                yield Quarantined(where, f"longer than {LINE_LIMIT:,} bytes")
                continue
            try:
                text = decode(raw)
            except Refused as refused:
                yield Quarantined(where, str(refused))
                continue
            if text.strip():
                yield Line(where, text.rstrip("\r\n"), cut=not text.endswith("\n"))
    except Refused as refused:
        yield Quarantined(f"{file.place}:{number + 1}", str(refused))


def raw_lines(file: File) -> Iterator[bytes | None]:
    """Lines with their ends; None for one beyond the limit, of which nothing is kept."""
    stream = unpacked(file)
    first = True
    while raw := stream.readline(LINE_LIMIT):
        rest = raw
        while len(rest) == LINE_LIMIT and not rest.endswith(b"\n"):
            rest = stream.readline(LINE_LIMIT)
        whole = rest is raw
        del rest
        yield without_mark(raw) if first and whole else raw if whole else None
        first = False


def without_mark(data: bytes) -> bytes:
    """The beginning of a file without its byte order mark."""
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise Refused("not valid UTF-8: the file is UTF-16")
    return data.removeprefix(codecs.BOM_UTF8)


def decode(raw: bytes) -> str:
    """UTF-8, strictly."""
    try:
        return raw.decode("utf-8")
    except UnicodeDecodeError as error:
        raise Refused(f"not valid UTF-8 at byte {error.start + 1}") from None


def parse_object(text: str) -> dict[str, Any]:
    """A JSON object of finite numbers, nested no deeper than can be read, of so many values.

    >>> parse_object('{"score": NaN}')
    Traceback (most recent call last):
    pipeline.files.Refused: NaN is not a finite number
    """
    if _too_many(text):
        raise Refused(f"more than {VALUE_LIMIT:,} values")
    try:
        value = json.loads(text, parse_constant=_finite, parse_float=_finite)
    except Refused:
        raise
    except json.JSONDecodeError as error:
        raise Refused(f"not valid JSON: {error.msg} at character {error.pos + 1}") from None
    except ValueError:
        raise Refused("not valid JSON: a number with too many digits") from None
    except RecursionError:
        raise Refused("nested too deeply") from None
    if not isinstance(value, dict):
        raise Refused("not a JSON object")
    return value


def _too_many(text: str) -> bool:
    """Whether a JSON text has more values than it may, before anything is made of it."""
    if _marks(text, 0, len(text)) <= VALUE_LIMIT:
        return False
    found = start = 0
    for string in STRING.finditer(text):
        found += _marks(text, start, string.start())
        start = string.end()
        if found > VALUE_LIMIT:
            return True
    return found + _marks(text, start, len(text)) > VALUE_LIMIT


def _marks(text: str, start: int, end: int) -> int:
    """What comes before each value but the outermost."""
    return sum(text.count(mark, start, end) for mark in "[{,")


def _finite(number: str) -> float:
    value = float(number)
    if not math.isfinite(value):
        raise Refused(f"{number[:20]} is not a finite number")
    return value


def identifier(fields: dict[str, Any]) -> str:
    """The id of a document or a query as a string.

    >>> identifier({"_id": 7}), identifier({"docno": "../../x"})
    ('7', '../../x')
    """
    found = next((fields[name] for name in ID_FIELDS if fields.get(name) is not None), None)
    if found is None:
        raise Refused("the id is missing")
    if isinstance(found, bool) or not isinstance(found, (str, int, float)):
        raise Refused("the id is neither text nor a number")
    return check_identifier(str(found))


def check_identifier(text: str) -> str:
    """The id itself, if it can be one; it may hold anything else, for it never becomes a path."""
    if not text.strip():
        raise Refused("the id is empty")
    if len(text) > ID_LIMIT:
        raise Refused(f"the id is longer than {ID_LIMIT} characters")
    return check_unicode(text)


def check_unicode(text: str) -> str:
    """The text itself, unless it holds half of a surrogate pair, which no file can store."""
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        raise Refused("not valid Unicode: half of a surrogate pair") from None
    return text
