"""Queries are asked together, and what is wrong with one is nobody else's trouble."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from nightshift.errors import UsageError
from nightshift.server.asking import Asker, Wanted
from nightshift.server.versions import Opened
from pipeline.library import EVERYTHING

WANTED = Wanted(10, "both", None, EVERYTHING)


@dataclass(eq=False)
class Picky:
    """An open version whose index answers a query with itself, and refuses one."""

    asked: list[list[str]] = field(default_factory=list)

    @property
    def index(self) -> Picky:
        return self

    def search_many(self, queries: Sequence[str], *wanted: object) -> list[str]:
        self.asked.append(list(queries))
        if "bad" in queries:
            raise UsageError("the query is bad")
        return list(queries)


def answers_of(index: Picky, *requests: list[str]) -> list[Any]:
    """What requests get that come at once."""
    opened = cast(Opened, index)

    async def ask() -> list[Any]:
        asker = Asker(most=100)
        async with asker.working():
            asking = [asker.ask(opened, queries, WANTED) for queries in requests]
            return await asyncio.gather(*asking, return_exceptions=True)

    return asyncio.run(ask())


def test_requests_that_come_at_once_are_asked_together() -> None:
    index = Picky()
    assert answers_of(index, ["a"], ["b", "c"], ["d"]) == [["a"], ["b", "c"], ["d"]]
    assert index.asked == [["a", "b", "c", "d"]]


def test_a_query_that_fails_fails_its_own_request_alone() -> None:
    index = Picky()
    first, failed, last = answers_of(index, ["a"], ["b", "bad"], ["d"])
    assert (first, last) == (["a"], ["d"])
    assert str(failed) == "the query is bad"
    assert index.asked[1:] == [["a"], ["b", "bad"], ["d"]]


def test_a_request_that_fails_alone_is_not_asked_again() -> None:
    index = Picky()
    [failed] = answers_of(index, ["bad"])
    assert isinstance(failed, UsageError)
    assert index.asked == [["bad"]]
