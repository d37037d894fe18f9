"""The version store: publish a version, read any of them, and outlive a kill at any instruction.

    store/
      objects/ab/cdef...      immutable folders, named by the hash of what they hold
      versions/00000042.json  manifests: what a version is made of; numbers are never reused
      HEAD                    number and hash of the live manifest: the only thing that moves
      log                     every move of HEAD
      pins/, leases/          which old versions must keep their objects, which are being read
      collected               versions that gave up their objects
      met                     batches that made no version, and what was live when they came
      successors              old object -> the same object without a purged document
      lock                    held by the one writer
      tmp/                    what is being written; anything left here is a killed run's

Readers take no lock: they read HEAD once and open everything else by its hash.
"""

from __future__ import annotations

import dataclasses
import shlex
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from nightshift.errors import (
    StoreBusy,
    StoreDamaged,
    StoreError,
    StoreExists,
    StoreMissing,
    UnknownVersion,
    VersionCollected,
)
from state import collected, durable, leases, lock, log, verify, versions
from state import head as heads
from state.head import Head
from state.manifest import Manifest
from state.objects import Objects


class Store:
    """One store on the disk; made by `create` or `open`.

    >>> import tempfile
    >>> first = Manifest(1, None, "2031-05-01T02:00:00Z", "init", "first", encoder={},
    ...                  index={}, modules={}, facts={})
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store.create(Path(folder, "store"))
    ...     with store.writing():
    ...         _ = store.publish(first)
    ...     Store.open(store.root).manifest().reason
    'first'
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.objects = Objects(root)
        self._may_publish = False

    @classmethod
    def create(cls, root: Path) -> Self:
        """Lay out a store without a version: there is one once version 1 is published.

        StoreExists if there is one already. What an interrupted creation left behind is taken
        over, any other folder with something in it is left alone.
        """
        if root.exists() and not _is_ours(root):
            raise StoreError(
                f"{root} is something else than a store",
                hint="nightshift init --corpus PATH --store A_NEW_FOLDER",
            )
        if root.exists() and heads.read(root) is not None:
            raise _exists(root)
        root.mkdir(mode=0o700, parents=True, exist_ok=True)
        # An empty folder that was there already is as open as whoever made it left it.
        root.chmod(0o700)
        for name in ("objects", "versions", "tmp"):
            (root / name).mkdir(mode=0o700, exist_ok=True)
        durable.sync(root)
        durable.sync(root.parent)
        return cls(root)

    @classmethod
    def open(cls, root: Path) -> Self:
        """The store at `root`; StoreMissing if nothing was ever published there."""
        if not root.is_dir():
            raise _missing(root)
        if not (root / "HEAD").exists() and heads.read(root) is None:
            raise _missing(root)
        return cls(root)

    def head(self) -> Head:
        """The live version's number and digest."""
        head = heads.read(self.root)
        if head is None:
            raise _missing(self.root)
        return head

    def manifest(self, version: int | None = None) -> Manifest:
        """The manifest of `version`, by default the live one, checked against HEAD's digest.

        VersionCollected if its objects were given up: `remembered` still tells of it.
        """
        if version is None:
            return versions.read(self.root, self.head())
        if version in collected.read(self.root):
            raise VersionCollected(
                f"the objects of version {version} were collected", hint="nightshift history"
            )
        return self.remembered(version)

    def remembered(self, version: int) -> Manifest:
        """The manifest of a version, whether its objects are still there or not."""
        head = self.head()
        for here, found in versions.walk(self.root, head):
            if here.version == version:
                return versions.sound(here, found)
        raise UnknownVersion(
            f"there is no version {version}, the store has versions 1 to {head.version}",
            hint="nightshift history",
        )

    def history(self) -> list[Manifest]:
        """Every version that was ever live, oldest first, but for those that cannot be read.

        StoreDamaged if the live one is among them.
        """
        self.manifest()
        chain = versions.walk(self.root, self.head())
        return [found for _, found in chain if isinstance(found, Manifest)][::-1]

    def unreadable(self) -> list[int]:
        """The versions whose objects nobody knows, for their manifests are damaged or lost."""
        gone = collected.read(self.root)
        chain = versions.walk(self.root, self.head())
        lost = [here.version for here, found in chain if not isinstance(found, Manifest)]
        return [version for version in lost[::-1] if version not in gone]

    def key(self) -> str:
        """The digest of the first manifest: what this store is called elsewhere."""
        *_, (first, _) = versions.walk(self.root, self.head())
        return first.digest

    def standing(self) -> list[Manifest]:
        """The versions that still have their objects, oldest first."""
        gone = collected.read(self.root)
        return [manifest for manifest in self.history() if manifest.version not in gone]

    def lease(self, version: int | None = None) -> tuple[Manifest, leases.Lease]:
        """A version and the lease that keeps its objects from gc until it is released."""
        while True:
            manifest = self.manifest(version)
            lease = leases.take(self.root, manifest.version)
            if manifest.version not in collected.read(self.root):
                return manifest, lease
            lease.release()

    def log(self) -> list[dict[str, Any]]:
        """Every move of HEAD, oldest first: time, why, from, to, digest."""
        return log.read(self.root)

    def verify(self, progress: verify.Progress | None = None) -> list[verify.Damage]:
        """Read every byte that a version needs; [] if all are what was written."""
        return verify.verify(self.root, self.objects, progress)

    @contextmanager
    def writing(self) -> Iterator[None]:
        """Be the only writer, in a store cleared of what a killed one left; else StoreBusy."""
        with lock.writing(self.root):
            self._clear()
            self._may_publish = True
            try:
                yield
            finally:
                self._may_publish = False

    def publish(self, manifest: Manifest) -> Head:
        """Make `manifest` the live version; only inside `writing()`.

        It must follow the live one: StoreBusy (StoreExists for a first version) if another writer
        was faster. Its `parent_digest` is filled in. If this raises, HEAD may have moved or not,
        as after a kill; it is never anything between. A StoreError says so where it has moved.
        """
        if not self._may_publish:
            raise RuntimeError("publish is for the holder of the lock: use `with store.writing():`")
        live = heads.read(self.root)
        _check_follows(manifest, live, self.root)
        for object_id in manifest.objects:
            if object_id not in self.objects:
                raise StoreDamaged(f"object {object_id} is missing", hint="nightshift verify")
        parent_digest = live.digest if live else None
        manifest = dataclasses.replace(manifest, parent_digest=parent_digest)
        head = versions.link(self.root, manifest)
        try:
            heads.replace(self.root, head)
            log.append(self.root, manifest, head.digest)
        except OSError as error:
            if heads.read(self.root) == head:
                raise _live_nevertheless(head, error) from error
            raise
        return head

    def drop_superseded(self) -> None:
        """Delete what a purge has replaced, and search files that may hold its vectors, first."""
        superseded = self.objects.superseded()
        if superseded:
            shutil.rmtree(self.root / "cache", ignore_errors=True)
        for object_id in superseded:
            self.objects.drop(object_id)

    def _clear(self) -> None:
        """Finish or undo what a killed writer began, once it is sure which version is live."""
        live = heads.read(self.root)
        if live is not None:
            manifest = versions.read(self.root, live)
            if max(log.digests(self.root), default=0) > live.version:
                raise heads.damaged(self.root, "HEAD is older than the last move in the log")
        # What needs room on the disk comes after what makes some.
        self._empty()
        versions.drop_after(self.root, live.version if live else 0)
        durable.unfinished(self.root / "HEAD").unlink(missing_ok=True)
        self.drop_superseded()
        if live is not None:
            log.mend(self.root, manifest, live.digest)

    def _empty(self) -> None:
        for leftover in (self.root / "tmp").iterdir():
            if leftover.is_dir():
                shutil.rmtree(leftover)
            else:
                leftover.unlink()


def _check_follows(manifest: Manifest, live: Head | None, root: Path) -> None:
    last = live.version if live else 0
    if manifest.version == last + 1 and manifest.parent == (last or None):
        return
    if manifest.version > last:
        raise ValueError(f"version {manifest.version} cannot follow version {last}")
    if manifest.parent is None:
        raise _exists(root)
    raise StoreBusy(
        f"version {manifest.version} was published by another process meanwhile",
        hint="type the same command again",
    )


def _live_nevertheless(head: Head, error: OSError) -> StoreError:
    return StoreError(
        f"version {head.version} is live, but what follows could not be written: {error.strerror}",
        hint="nightshift gc",
    )


def _is_ours(root: Path) -> bool:
    return root.is_dir() and ((root / "objects").is_dir() or not any(root.iterdir()))


def _exists(root: Path) -> StoreExists:
    return StoreExists(f"there is a store at {root} already", hint="nightshift history")


def _missing(root: Path) -> StoreMissing:
    return StoreMissing(
        f"there is no store at {root}",
        hint=f"nightshift init --corpus PATH --store {shlex.quote(str(root))}",
    )
