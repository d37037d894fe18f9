"""Immutable folders of files, each named by the hash of all it holds.

An object is a plain folder with exactly the files that were put into it, so other programs can
load from it directly. Its name is the SHA-256 of its listing, which is recomputed from the bytes
whenever they are checked; nothing beside the files is stored.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

from nightshift.errors import StoreDamaged
from state import durable, sealed

MISSING = "missing"
ALTERED = "its bytes are not what was written"
SUCCESSORS = "successors"
AGAIN = "again.txt"

_ID = re.compile(r"[0-9a-f]{64}")


class Objects:
    """The objects of the store at `root`, whose folders `objects` and `tmp` exist already.

    >>> def write(folder: Path) -> None:
    ...     (folder / "sea.txt").write_text("tides")
    >>> with tempfile.TemporaryDirectory() as root:
    ...     for name in ("objects", "tmp"):
    ...         Path(root, name).mkdir()
    ...     objects = Objects(Path(root))
    ...     object_id = objects.put(write)
    ...     (objects.open(object_id) / "sea.txt").read_text(), objects.size(object_id)
    ('tides', 5)
    """

    def __init__(self, root: Path) -> None:
        self._folder = root / "objects"
        self._tmp = root / "tmp"
        self._successors = root / SUCCESSORS
        self._sound: set[str] = set()

    def put(self, write: Callable[[Path], object]) -> str:
        """Keep the files that `write` puts into the empty folder it is given; returns their id.

        The same files have the same id and are kept once; a damaged copy of them is mended.
        ValueError if `write` leaves no file or anything but plain files. Only inside
        `Store.writing()`: the next writer takes what it finds in `tmp` for a killed run's.
        """
        folder = Path(tempfile.mkdtemp(dir=self._tmp))
        try:
            write(folder)
            listing = _listing(folder)
            if not listing:
                raise ValueError("an object needs at least one file")
            object_id = _identity(listing)
            while self.place(object_id) != object_id:
                listing = _told_apart(folder)
                object_id = _identity(listing)
            for name, _, _ in listing:
                durable.sync(folder / name)
            durable.sync(folder)
            self._keep(folder, object_id)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
        return object_id

    def open(self, object_id: str) -> Path:
        """The object's folder, every byte of it checked the first time it is asked for."""
        place = self.place(object_id)
        if place not in self._sound:
            reason = self.check(place)
            if reason is not None:
                raise _damaged(object_id, reason)
            self._sound.add(place)
        return self._folder_of(place)

    def check(self, object_id: str) -> str | None:
        """None if every byte is what was written, else what is wrong; always reads the disk."""
        try:
            place = self.place(object_id)
        except StoreDamaged:
            place = object_id
        try:
            sound = _identity(_listing(self._folder_of(place))) == place
        except FileNotFoundError:
            return MISSING
        except OSError as error:
            return f"cannot be read: {error.strerror}"
        except _NotPlainFilesError:
            return ALTERED
        return None if sound else ALTERED

    def size(self, object_id: str) -> int:
        """Bytes in the object's files."""
        try:
            return sum(file.stat().st_size for file in self.path(object_id).iterdir())
        except FileNotFoundError:
            raise _damaged(object_id, MISSING) from None

    def drop(self, object_id: str) -> None:
        """Delete the object: its name goes at once, so that nobody ever finds half of it."""
        grave = Path(tempfile.mkdtemp(dir=self._tmp))
        self._sound.discard(object_id)
        with suppress(FileNotFoundError):
            os.rename(self._folder_of(object_id), grave)
        shutil.rmtree(grave)

    def all_ids(self) -> list[str]:
        """Every object on the disk, sorted, whether a version needs it or not."""
        found = (rest.parent.name + rest.name for rest in self._folder.glob("*/*"))
        return sorted(name for name in found if _ID.fullmatch(name))

    def path(self, object_id: str) -> Path:
        """Where the object lies, or would lie; nothing is checked but the form of the id."""
        return self._folder_of(self.place(object_id))

    def place(self, object_id: str) -> str:
        """The object that stands under this id now: itself, unless a purge replaced it."""
        successors: dict[str, str] = sealed.read(self._successors, {})
        return successors.get(object_id, object_id)

    def supersede(self, successors: Mapping[str, str]) -> None:
        """Put other objects in the place of these, all at once; nothing can undo it."""
        known: dict[str, str] = sealed.read(self._successors, {})
        moved = {old: successors.get(new, new) for old, new in known.items()}
        sealed.write(self._successors, {**moved, **successors})

    def superseded(self) -> list[str]:
        """Objects on the disk that others have replaced: what a killed purge left to delete."""
        known: dict[str, str] = sealed.read(self._successors, {})
        return [object_id for object_id in known if self._folder_of(object_id).is_dir()]

    def __contains__(self, object_id: str) -> bool:
        return self.path(object_id).is_dir()

    def _folder_of(self, object_id: str) -> Path:
        if not _ID.fullmatch(object_id):
            raise ValueError(f"{object_id!r} is not an object id")
        return self._folder / object_id[:2] / object_id[2:]

    def _keep(self, folder: Path, object_id: str) -> None:
        place = self.path(object_id)
        place.parent.mkdir(mode=0o700, exist_ok=True)
        reason = self.check(object_id)
        if reason not in (None, MISSING):
            shutil.rmtree(place)
        if reason is not None:
            _rename_unless_kept(folder, place)
        # Also for an object that was there: its writer may have been killed before these two.
        durable.sync(place.parent)
        durable.sync(self._folder)


class _NotPlainFilesError(ValueError):
    pass


def _told_apart(folder: Path) -> list[tuple[str, int, str]]:
    """The listing with one more file: what was purged and comes again needs a name of its own."""
    place = folder / AGAIN
    place.write_text(f"{int(place.read_text()) + 1 if place.exists() else 1}")
    return _listing(folder)


def _rename_unless_kept(folder: Path, place: Path) -> None:
    try:
        os.rename(folder, place)
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise


def _listing(folder: Path) -> list[tuple[str, int, str]]:
    """Name, size and SHA-256 of every file, sorted by name."""
    listing = []
    for path in folder.iterdir():
        if path.is_symlink() or not path.is_file():
            raise _NotPlainFilesError(f"an object holds plain files only, {path.name!r} is none")
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
            listing.append((path.name, os.fstat(file.fileno()).st_size, digest))
    return sorted(listing)


def _identity(listing: list[tuple[str, int, str]]) -> str:
    canonical = json.dumps(listing, separators=(",", ":")).encode()
    return hashlib.sha256(canonical).hexdigest()


def _damaged(object_id: str, reason: str) -> StoreDamaged:
    return StoreDamaged(f"object {object_id} is damaged: {reason}", hint="nightshift verify")
