"""A file of a batch: a name, a size, and bytes that are read once, from start to end."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import BinaryIO


class Refused(ValueError):
    """Why one line or file cannot be taken in."""


@dataclass(frozen=True)
class File:
    """A file under its name within the batch; only what is being read of it is in memory.

    >>> File.holding("a.md", b"Low tide").stream.read()
    b'Low tide'
    """

    name: str
    size: int
    stream: BinaryIO

    @classmethod
    def holding(cls, name: str, data: bytes) -> File:
        """A file that is in memory already."""
        return cls(name, len(data), io.BytesIO(data))

    @property
    def place(self) -> str:
        """The name in a form that can be printed; a file system allows any bytes in it."""
        return printable(self.name)


def printable(name: str) -> str:
    """
    >>> printable("caf\\udce9.md")
    'caf\\\\udce9.md'
    """
    return name.encode("utf-8", "backslashreplace").decode()
