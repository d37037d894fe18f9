"""How much the pages of a parquet file may come to, told by the header before each of them.

The summary at the end of a file counts pages as they are packed. A value in a dictionary is there
once and meant any number of times, and so is the beginning that neighbours share.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

DICTIONARY_PAGE = 2
DATA_PAGES = {0: (5, 2), 3: (8, 4)}
"""Where a header tells about its data, and there the encoding, by the kind of page."""
SHARED_BEGINNINGS = 7
"""The encoding DELTA_BYTE_ARRAY."""
HEADER_LIMIT = 16 * 2**20
"""Bytes of one field in a header, as in pyarrow."""
SEARCHED = 8 * 2**20
"""Bytes of a dictionary that is looked into."""
NESTED = 3
"""Structures within each other in a header."""


@dataclass(frozen=True)
class Extent:
    """Of one column in one row group: the bytes of its pages, how many values there are, and how
    long one may be that is written once and meant often.
    """

    size: int
    values: int
    longest: int


def extent(stream: BinaryIO, chunk: pq.ColumnChunkMetaData, exactly: bool) -> Extent:
    """Read the headers of a column's pages; ValueError where one cannot be right.

    `exactly`: look into dictionaries, too, for how long the longest value is.
    """
    size = values = longest = 0
    for page in _pages(stream, chunk):
        size += page.size
        values += page.values
        if page.is_dictionary and exactly and page.size <= SEARCHED:
            longest = max(longest, _longest(stream.read(page.packed), page, chunk))
        elif page.is_dictionary or page.encoding == SHARED_BEGINNINGS:
            longest = max(longest, page.size)
    return Extent(size, values, longest)


@dataclass(frozen=True)
class _Page:
    is_dictionary: bool
    unpacked: int
    packed: int
    values: int = 0
    encoding: int = 0

    @property
    def size(self) -> int:
        """Where nothing is packed, the one that is not told right is not looked at."""
        return max(self.unpacked, self.packed)

    @classmethod
    def of(cls, header: dict[int, Any]) -> _Page:
        """Kinds and fields have their numbers from parquet.thrift."""
        kind, unpacked, packed = (_number(header, field) for field in (1, 2, 3))
        if kind not in DATA_PAGES:
            return cls(kind == DICTIONARY_PAGE, unpacked, packed)
        field, encoding = DATA_PAGES[kind]
        about = header.get(field)
        if not isinstance(about, dict):
            raise ValueError("a page of nothing")
        return cls(False, unpacked, packed, _number(about, 1), _number(about, encoding))


def _number(fields: dict[int, Any], field: int) -> int:
    value = fields.get(field)
    if not isinstance(value, int) or not 0 <= value < 2**31:
        raise ValueError("a page of no size")
    return value


def _pages(stream: BinaryIO, chunk: pq.ColumnChunkMetaData) -> Iterator[_Page]:
    """The pages that pyarrow would read; the stream stands behind the header of each."""
    place, left = chunk.data_page_offset, chunk.num_values
    if chunk.has_dictionary_page:
        place = min(place, chunk.dictionary_page_offset or place)
    while left > 0:
        stream.seek(place)
        page = _Page.of(_Compact(stream).structure())
        place = stream.tell() + page.packed
        left -= page.values
        yield page


def _longest(data: bytes, page: _Page, chunk: pq.ColumnChunkMetaData) -> int:
    """The longest value of a dictionary, in which each is written after its length."""
    if chunk.physical_type != "BYTE_ARRAY":
        return 0
    codec = str(chunk.compression).lower().replace("lz4", "lz4_raw")
    raw = data
    if codec != "uncompressed":
        try:
            raw = pa.decompress(data, page.unpacked, codec, asbytes=True)
        except (pa.ArrowException, OSError, ValueError):
            return page.size
    longest = place = 0
    while place + 4 <= len(raw):
        length = int.from_bytes(raw[place : place + 4], "little")
        longest, place = max(longest, length), place + 4 + length
    return longest


class _Compact:
    """Thrift's compact protocol, as far as page headers use it."""

    def __init__(self, stream: BinaryIO) -> None:
        self._stream = stream

    def structure(self, depth: int = 0) -> dict[int, Any]:
        fields: dict[int, Any] = {}
        number = 0
        while head := self._byte():
            step, kind = head >> 4, head & 15
            number = number + step if step else self._signed()
            fields[number] = self._value(kind, depth)
        return fields

    def _value(self, kind: int, depth: int) -> Any:
        if kind in (1, 2):
            return kind == 1
        if kind == 3:
            return self._byte()
        if kind in (4, 5, 6):
            return self._signed()
        if kind in (7, 8):
            return self._skip(8 if kind == 7 else self._unsigned())
        if kind == 12 and depth < NESTED:
            return self.structure(depth + 1)
        raise ValueError("no header of a page")

    def _skip(self, size: int) -> None:
        if size > HEADER_LIMIT:
            raise ValueError("no header of a page")
        self._stream.seek(size, 1)

    def _byte(self) -> int:
        found = self._stream.read(1)
        if not found:
            raise ValueError("the file ends in a header")
        return found[0]

    def _unsigned(self) -> int:
        value = shift = 0
        while shift < 64:
            byte = self._byte()
            value |= (byte & 127) << shift
            if byte < 128:
                return value
            shift += 7
        raise ValueError("no number")

    def _signed(self) -> int:
        value = self._unsigned()
        return (value >> 1) ^ -(value & 1)
