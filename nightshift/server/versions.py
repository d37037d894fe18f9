"""The versions that are open: the live one, which follows HEAD, and a few older ones.

A new live version is opened in a thread of its own while the old one goes on answering; then they
change places at one instant. Whoever asks holds the version it was given until it has its answer.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from pathlib import Path

from flows.live import Live, open_live
from nightshift.index import Index
from nightshift.server.console import complain
from pipeline.checkpoint import locate
from pipeline.encoder import Encoder
from pipeline.texts import forget
from state.manifest import Manifest
from state.objects import SUCCESSORS
from state.store import Store

BETWEEN_LOOKS = 0.2
BETWEEN_ATTEMPTS = 5.0
"""Seconds until a version that could not be opened is tried again."""
OLDER = 2
"""Versions besides the live one that stay open for whoever asks next."""
NIGHTS = ("init", "night")
Stamp = tuple[bytes, int]


class Opened:
    """A version ready to be asked, and by how many it is being asked."""

    def __init__(self, live: Live) -> None:
        self.live = live
        self.manifest = live.manifest
        self.night = _last_night(live)
        """When a version last took a batch."""
        self.index = Index(live)
        self.users = 0

    @property
    def version(self) -> int:
        return self.manifest.version


class Versions:
    """All that is open of a store."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.problem: Exception | None = None
        """Why the live version is not the one that is served."""
        self._live: Opened | None = None
        self._older: OrderedDict[int, Opened] = OrderedDict()
        self._leaving: set[Opened] = set()
        self._encoders: dict[str, Encoder] = {}
        self._threads = ThreadPoolExecutor(1, "opening")
        self._opening, self._moving = asyncio.Lock(), asyncio.Lock()
        self._stamp: Stamp | None = None

    @property
    def live(self) -> Opened:
        """The version that is served now."""
        assert self._live is not None, "nothing is open before `followed`"
        return self._live

    @asynccontextmanager
    async def followed(self) -> AsyncIterator[None]:
        """Open the live version and follow HEAD until the end."""
        try:
            await self.catch_up()
        except Exception as error:
            self.problem = error
            raise
        following = asyncio.create_task(self._follow())
        try:
            yield
        finally:
            following.cancel()
            with suppress(asyncio.CancelledError):
                await following
            self._threads.shutdown()
            for opened in (*self._all(), *self._leaving):
                opened.live.release()

    @asynccontextmanager
    async def at(self, version: int | None) -> AsyncIterator[Opened]:
        """The live version, or an older one; it stays open inside."""
        opened = await self._find(version)
        opened.users += 1
        self._make_room()
        try:
            yield opened
        finally:
            opened.users -= 1
            if opened in self._leaving:
                self._let_go(opened)

    async def catch_up(self) -> None:
        """Serve what HEAD says now, if it is not served already."""
        async with self._moving:
            stamp = _stamp(self.store.root)
            if stamp == self._stamp:
                self.problem = None  # what was wrong has passed
                return
            purged = self._stamp is not None and stamp[1] != self._stamp[1]
            opened = await self._open(None, () if purged else self._all())
            before, self._live = self._live, opened
            self._stamp, self.problem = stamp, None
            self._keep(before, purged)

    async def is_outdated(self, opened: Opened) -> bool:
        """Whether a purge has replaced files of a version since it was opened."""
        await self.catch_up()
        return opened not in self._all()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(BETWEEN_LOOKS)
            try:
                await self.catch_up()
            except Exception as error:
                if str(error) != str(self.problem):
                    complain(error)
                self.problem = error
                await asyncio.sleep(BETWEEN_ATTEMPTS)

    async def _find(self, version: int | None) -> Opened:
        if version is None or version == self.live.version:
            return self.live
        async with self._opening:
            while version not in self._older:
                purged = _stamp(self.store.root)[1]
                current = self._stamp is not None and self._stamp[1] == purged
                opened = await self._open(version, self._all() if current else ())
                if purged == _stamp(self.store.root)[1]:
                    self._older[version] = opened
        self._older.move_to_end(version)
        return self._older[version]

    def _keep(self, before: Opened | None, purged: bool) -> None:
        """The version that was live is an older one now; after a purge none is kept."""
        older = list(self._older.values()) if purged else []
        if before is not None and (purged or before.version == self.live.version):
            older.append(before)
        elif before is not None:
            self._older[before.version] = before
        for opened in older:
            self._older.pop(opened.version, None)
            self._let_go(opened)
        self._make_room()

    def _make_room(self) -> None:
        idle = [opened for opened in self._older.values() if not opened.users]
        for opened in idle[: max(0, len(self._older) - OLDER)]:
            del self._older[opened.version]
            self._let_go(opened)

    def _let_go(self, opened: Opened) -> None:
        if opened.users:
            self._leaving.add(opened)
        else:
            self._leaving.discard(opened)
            opened.live.release()
            forget()  # a purge may be why it is let go

    def _all(self) -> tuple[Opened, ...]:
        live = () if self._live is None else (self._live,)
        return (*live, *self._older.values())

    async def _open(self, version: int | None, beside: Iterable[Opened]) -> Opened:
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._opened, version, beside)

    def _opened(self, version: int | None, beside: Iterable[Opened]) -> Opened:
        """Everything that the first query would wait for, done."""
        manifest = self.store.manifest(version)
        encoder = self._encoder(manifest)
        live = open_live(self.store, manifest.version, encoder.twin())
        for other in beside:
            live.share(other.live)
        live.warm()
        return Opened(live)

    def _encoder(self, manifest: Manifest) -> Encoder:
        """The encoder of a version; experts move into twins of it."""
        fingerprint = manifest.encoder["fingerprint"]
        if fingerprint not in self._encoders:
            self._encoders[fingerprint] = Encoder(locate(manifest.encoder["source"]))
        return self._encoders[fingerprint]


def _last_night(live: Live) -> datetime:
    older = [one for one in live.store.history() if one.version <= live.manifest.version]
    nights = [one.time for one in older if one.kind in NIGHTS]
    return datetime.fromisoformat((nights or [live.manifest.time])[-1])


def _stamp(root: Path) -> Stamp:
    """Changes with every version and with every purge."""
    try:
        purged = (root / SUCCESSORS).stat().st_mtime_ns
    except FileNotFoundError:
        purged = 0
    return (root / "HEAD").read_bytes(), purged
