"""Lines of a log of searches and clicks: who saw what, and what was clicked; each person once.

A line is a JSON object. One with an `id` is a click:

    {"time": "2031-05-01T02:00:00Z", "query": "low tide", "source": "sea", "id": "7", "rank": 2}

`shown` may list what was on the page (ids, or pairs of source and id), best first; a line with
`shown` or `hits` and no `id` is a page that was looked at. `user` may name who it was, and leaves
this module only as a count.

What one person clicks on the same page on the same day is one click. Where nobody is named, a
click that follows the same one within seconds is the second half of a double click. Who clicks
faster than people read is a robot, and is left out.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from pipeline.documents import Key
from pipeline.files import Refused
from pipeline.readers import Quarantined, Record, check_identifier, check_unicode

DOUBLE_CLICK = 10.0
"""Seconds."""
ROBOT_CLICKS, ROBOT_SECONDS = 60, 600.0
"""So many clicks of one user in so many seconds: ten seconds each, ten minutes long."""
DAY = 86_400
LONGEST = 2_000
"""Characters of a query; what is longer was not typed."""


@dataclass(frozen=True)
class Click:
    """One click; the rank counts from 1."""

    query: str
    key: Key
    time: float
    rank: int | None = None
    user: str | None = None

    @property
    def session(self) -> tuple[str, int]:
        """Somebody's day; where nobody is named, a minute."""
        if self.user is None:
            return "", int(self.time // 60)
        return self.user, int(self.time // DAY)


@dataclass(frozen=True)
class View:
    """A page of results that somebody saw, best first."""

    query: str
    keys: tuple[Key, ...]
    time: float
    user: str | None = None


@dataclass(frozen=True)
class Log:
    """Clicks and pages, folded, and how many lines of which sort were left out."""

    clicks: tuple[Click, ...]
    views: tuple[View, ...]
    left_out: Counter[str]

    @property
    def people(self) -> dict[str, int]:
        """How many different users asked each query."""
        asked: dict[str, set[str]] = defaultdict(set)
        for query, user in self._askers():
            if user is not None:
                asked[query].add(user)
        return {query: len(users) for query, users in asked.items()}

    @property
    def names_users(self) -> bool:
        return any(user is not None for _, user in self._askers())

    def _askers(self) -> Iterator[tuple[str, str | None]]:
        yield from ((click.query, click.user) for click in self.clicks)
        yield from ((view.query, view.user) for view in self.views)


def read_log(records: Iterable[Record | Quarantined]) -> Log:
    """The log that these lines are; lines that cannot be read are counted by their reason.

    >>> lines = [{"query": "low tide", "id": "7", "rank": 2, "time": 0}, {"query": " "}]
    >>> log = read_log(Record(f"log:{n}", line) for n, line in enumerate(lines, start=1))
    >>> log.clicks[0].key, dict(log.left_out)
    (('default', '7'), {'the query is empty': 1})
    """
    clicks: list[Click] = []
    views: list[View] = []
    beside: list[View] = []
    left_out: Counter[str] = Counter()
    for record in records:
        if isinstance(record, Quarantined):
            left_out[record.reason] += 1
            continue
        try:
            click, view = _line(record.fields)
        except Refused as refused:
            left_out[str(refused)] += 1
            continue
        if click is not None:
            clicks.append(click)
        if view is not None:
            (views if click is None else beside).append(view)
    # Where pages are logged by themselves, those beside clicks are the same ones again.
    views = sorted(views or beside, key=lambda view: view.time)
    clicks = sorted(clicks, key=lambda click: click.time)
    robots = _robots(clicks)
    left_out["clicks of robots"] = sum(click.user in robots for click in clicks)
    people = [click for click in clicks if click.user not in robots]
    folded = _folded(_ranked(people, views))
    left_out["repeated clicks"] = len(people) - len(folded)
    seen = [view for view in _pages(views) if view.user not in robots]
    return Log(tuple(folded), tuple(seen), +left_out)


def _line(fields: dict[str, Any]) -> tuple[Click | None, View | None]:
    query = fields.get("query")
    if not isinstance(query, str) or not query.strip():
        raise Refused("the query is empty" if isinstance(query, str) else "there is no query")
    query = check_unicode(" ".join(query.split()))
    if len(query) > LONGEST:
        raise Refused(f"the query is longer than {LONGEST:,} characters")
    source, time, user = _name(fields.get("source", "default")), _time(fields), fields.get("user")
    user = None if user is None else str(user)
    shown = fields.get("shown", fields.get("hits"))
    if shown is not None and not isinstance(shown, list):
        raise Refused("what was shown is not a list")
    keys = tuple(dict.fromkeys(_key(entry, source) for entry in shown or ()))
    view = View(query, keys, time, user) if keys else None
    if fields.get("id") is None:
        if view is None:
            raise Refused("neither a document that was clicked nor what was shown")
        return None, view
    key, rank = (source, _name(fields["id"])), fields.get("rank")
    if rank is None and key in keys:
        rank = keys.index(key) + 1
    if rank is not None and (isinstance(rank, bool) or not isinstance(rank, int) or rank < 1):
        raise Refused("the rank is not a number from 1 on")
    return Click(query, key, time, rank, user), view


def _name(value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise Refused("an id or a source is neither text nor a number")
    name = check_identifier(str(value))
    if not name.isprintable():
        # It could not be written into a table of judgements.
        raise Refused("an id or a source has a tab or a line break in it")
    return name


def _key(entry: object, source: str) -> Key:
    if isinstance(entry, list):
        if len(entry) != 2:
            raise Refused("what was shown is neither an id nor a source and an id")
        return _name(entry[0]), _name(entry[1])
    return source, _name(entry)


def _time(fields: dict[str, Any]) -> float:
    """Seconds since 1970, from those or from ISO 8601."""
    value = fields.get("time")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        with suppress(OverflowError):
            if math.isfinite(value):
                return float(value)
        raise Refused("the time is too large a number")
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        raise Refused("the time is neither ISO 8601 nor seconds") from None
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()


def _robots(clicks: Sequence[Click]) -> set[str]:
    times: dict[str, list[float]] = defaultdict(list)
    for click in clicks:
        if click.user is not None:
            times[click.user].append(click.time)
    return {
        user
        for user, own in times.items()
        if any(
            late - early < ROBOT_SECONDS
            for early, late in zip(own, own[ROBOT_CLICKS - 1 :], strict=False)
        )
    }


def _ranked(clicks: Sequence[Click], views: Sequence[View]) -> list[Click]:
    """Clicks without a rank get the one that the last page before them had their document at."""
    pages: dict[tuple[str, str | None], list[View]] = defaultdict(list)
    for view in views:
        pages[view.query, view.user].append(view)
    ranked = []
    for click in clicks:
        own = pages.get((click.query, click.user), [])
        before = bisect_right(own, click.time, key=lambda view: view.time)
        keys = own[before - 1].keys if before else ()
        if click.rank is None and click.key in keys:
            click = replace(click, rank=keys.index(click.key) + 1)
        ranked.append(click)
    return ranked


def _folded(clicks: Sequence[Click]) -> list[Click]:
    last: dict[object, float] = {}
    kept = []
    for click in clicks:
        named = click.user is not None
        same = (click.query, click.key, *(click.session if named else ()))
        again = same in last and (named or click.time - last[same] < DOUBLE_CLICK)
        last[same] = click.time
        if not again:
            kept.append(click)
    return kept


def _pages(views: Sequence[View]) -> list[View]:
    """A page that the same person saw several times on one day was seen once."""
    seen: dict[object, View] = {}
    for number, view in enumerate(views):
        day = number if view.user is None else int(view.time // DAY)
        seen.setdefault((view.query, view.user, day, view.keys), view)
    return list(seen.values())
