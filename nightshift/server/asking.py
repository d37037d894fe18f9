"""One thread asks: torch, tokenisers and experts are not for several. Queries that arrive within
a few milliseconds, and those that came while it was busy, are encoded together.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

from nightshift.index import Answer
from nightshift.server.refusals import WAIT, Refused
from nightshift.server.versions import Opened
from pipeline.library import Filter
from pipeline.retriever import Leg

GATHERED = 0.002
"""Seconds that the first of a batch waits for others."""
TOGETHER = 64
"""Queries in a batch, unless a single request has more."""


@dataclass(frozen=True)
class Wanted:
    """What queries must have in common to be asked together, besides their version."""

    k: int
    leg: Leg
    instruction: str | None
    where: Filter


@dataclass(frozen=True, eq=False)
class _Waiting:
    opened: Opened
    queries: list[str]
    wanted: Wanted
    answers: asyncio.Future[list[Answer]]


class Asker:
    """Takes queries from everybody and gives each its answers."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue()
        self._count = 0
        self._thread = ThreadPoolExecutor(1, "asking")

    @asynccontextmanager
    async def working(self) -> AsyncIterator[None]:
        """Answer inside."""
        work = asyncio.create_task(self._work())
        try:
            yield
        finally:
            work.cancel()
            with suppress(asyncio.CancelledError):
                await work
            self._thread.shutdown()

    async def ask(self, opened: Opened, queries: list[str], wanted: Wanted) -> list[Answer]:
        """The answers of this version, in order."""
        if self._count + len(queries) > self._most:
            raise Refused(503, "too many queries are waiting", "the same again in a moment", WAIT)
        answers: asyncio.Future[list[Answer]] = asyncio.get_running_loop().create_future()
        self._count += len(queries)
        self._waiting.put_nowait(_Waiting(opened, queries, wanted, answers))
        return await answers

    async def _work(self) -> None:
        while True:
            for some in _alike(await self._gather()):
                await self._answer(some)

    async def _gather(self) -> list[_Waiting]:
        batch = [await self._waiting.get()]
        await asyncio.sleep(GATHERED)
        size = len(batch[0].queries)
        while size < TOGETHER and not self._waiting.empty():
            batch.append(self._waiting.get_nowait())
            size += len(batch[-1].queries)
        self._count -= size
        # Whoever waited too long has left.
        return [one for one in batch if not one.answers.done()]

    async def _answer(self, some: list[_Waiting]) -> None:
        """Answer them together; where that fails each alone, for one may fail and not the rest."""
        try:
            answers = await self._asked(some)
        except Exception as error:
            waiting = [one for one in some if not one.answers.done()]
            if len(some) > 1:
                for one in waiting:
                    await self._answer([one])
            elif waiting:
                waiting[0].answers.set_exception(error)
            return
        for one in some:
            own, answers = answers[: len(one.queries)], answers[len(one.queries) :]
            if not one.answers.done():
                one.answers.set_result(own)

    async def _asked(self, some: list[_Waiting]) -> list[Answer]:
        index, wanted = some[0].opened.index, some[0].wanted
        return await asyncio.get_running_loop().run_in_executor(
            self._thread,
            index.search_many,
            [query for one in some for query in one.queries],
            wanted.k,
            wanted.leg,
            wanted.instruction,
            wanted.where,
        )


def _alike(batch: Iterable[_Waiting]) -> list[list[_Waiting]]:
    groups: dict[tuple[Opened, Wanted], list[_Waiting]] = {}
    for one in batch:
        groups.setdefault((one.opened, one.wanted), []).append(one)
    return list(groups.values())
