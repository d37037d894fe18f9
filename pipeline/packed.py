"""Compressed files as streams of plain bytes, with a bound on how much comes out."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import BinaryIO

import pyarrow as pa

from pipeline.files import File, Refused

PACKED = (".gz", ".zst")
EXPANSION_LIMIT = 200
"""How many times its size a compressed file may hold: text reaches 100, a bomb 1,000."""
EXPANSION_ALLOWANCE = 64 * 2**20
PIECE = 4096
"""Bytes unpacked at a time: what comes before damage within a piece is lost with it."""


def unpacked(file: File) -> BinaryIO:
    """The plain bytes of a file, unpacked where its name ends in `.gz` or `.zst`.

    Reading them raises `Refused` where the file is cut off, damaged, or a bomb.
    """
    name = file.name.lower()
    if name.endswith(".gz"):
        return io.BufferedReader(_Unpacked(gzip.GzipFile(fileobj=file.stream), file.size))
    if name.endswith(".zst"):
        packed = pa.CompressedInputStream(file.stream, "zstd")
        return io.BufferedReader(_Unpacked(packed, file.size))
    return file.stream


def room(size: int) -> int:
    """How many bytes a packed file of this size may hold."""
    return size * EXPANSION_LIMIT + EXPANSION_ALLOWANCE


class _Unpacked(io.RawIOBase):
    def __init__(self, packed: gzip.GzipFile | pa.CompressedInputStream, size: int) -> None:
        self._packed = packed
        self._room = room(size)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = self._read(min(len(buffer), PIECE))
        self._room -= len(piece)
        if self._room < 0:
            raise Refused(f"unpacks to more than {EXPANSION_LIMIT} times its size")
        buffer[: len(piece)] = piece
        return len(piece)

    def _read(self, size: int) -> bytes:
        try:
            # read1: what comes before the damage is handed out first.
            return bytes(self._packed.read1(size))
        except EOFError:
            raise Refused("the compressed file is cut off here") from None
        except (gzip.BadGzipFile, zlib.error):
            raise Refused("the compressed file is damaged here") from None
        except OSError as error:
            if error.errno is not None:  # the disk's fault, not the file's
                raise
            cut = "truncated" in str(error).lower()
            where = "cut off" if cut else "damaged"
            raise Refused(f"the compressed file is {where} here") from None
