"""FAISS files of large segments, kept from one opening to the next.

A file is named after the segment, the factory and the SHA-256 of its own bytes. What a power cut, a
disk or a killed process has made of one does not fit its name, and is built again.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
from contextlib import suppress
from pathlib import Path

import faiss

from pipeline.checkpoint import file_hash

ENDING = ".faiss"
DIGITS = 64


def kept(folder: Path, segment: str, factory: str) -> faiss.Index | None:
    """The index that was kept for this segment, if every byte of it is what was written."""
    stem = _stem(segment, factory)
    for file in _files(folder, stem):
        told = file.name.removeprefix(stem).removesuffix(ENDING)
        with suppress(OSError, RuntimeError):
            if len(told) == DIGITS and file_hash(file) == told:
                return faiss.read_index(str(file))
    return None


def keep(index: faiss.Index, folder: Path, segment: str, factory: str) -> None:
    """Keep an index in the place of what was kept before; OSError where that cannot be done."""
    stem = _stem(segment, factory)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    before = _files(folder, stem)
    descriptor, new = tempfile.mkstemp(f".new{ENDING}", stem, folder)
    try:
        file = folder / f"{stem}{_written(index, descriptor)}{ENDING}"
        os.replace(new, file)
    except BaseException:
        Path(new).unlink(missing_ok=True)
        raise
    _sync(folder)
    for other in before:
        if other != file:
            other.unlink(missing_ok=True)


def _written(index: faiss.Index, descriptor: int) -> str:
    """The hash of the bytes, once they are on the disk."""
    digest = hashlib.sha256()
    with os.fdopen(descriptor, "wb") as file:

        def write(data: bytes) -> int:
            digest.update(data)
            return file.write(data)

        faiss.write_index(index, faiss.PyCallbackIOWriter(write))
        file.flush()
        os.fsync(file.fileno())
    return digest.hexdigest()


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _stem(segment: str, factory: str) -> str:
    return f"{segment}-{factory.replace(',', '_')}."


def _files(folder: Path, stem: str) -> list[Path]:
    """All that is kept for a segment, older formats and what a killed process left included."""
    return sorted(file for file in folder.glob(f"*{ENDING}") if file.name.startswith(stem))
