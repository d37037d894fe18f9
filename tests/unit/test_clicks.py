"""Clicks with a known truth: what was relevant, how people looked, how much was noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from pipeline.click_log import Click, Log, View, read_log
from pipeline.clicks import DEEPEST, EVIDENCE, Bias, Evidence, bias_of, evidence
from pipeline.documents import Key
from pipeline.readers import Record

QUERIES, DOCUMENTS, RELEVANT, PAGES = 120, 10, 2, 300
STEEP = 1.6
"""P(look at rank k) = k ** -STEEP: a page is looked at far more steeply than 1 / rank."""
NOISE = 0.1
"""Clicks on what was looked at and does not answer."""
LOOK = np.arange(1, DOCUMENTS + 1) ** -STEEP


def key(number: int) -> Key:
    return "sea", str(number)


def drawn(seed: int, rankings: int = 2) -> tuple[Log, dict[str, set[Key]]]:
    """A log of pages in `rankings` orders that know little of what is relevant, and the truth."""
    random = np.random.default_rng(seed)
    clicks, views, truth = [], [], {}
    for number in range(QUERIES):
        query = f"q{number}"
        relevant = set(random.choice(DOCUMENTS, RELEVANT, replace=False).tolist())
        truth[query] = {key(document) for document in relevant}
        orders = [random.permutation(DOCUMENTS).tolist() for _ in range(rankings)]
        for page in range(PAGES):
            # The first order stays for a quarter of the pages.
            order = orders[min(4 * page // PAGES, rankings - 1)]
            time = 86_400.0 * page + number
            views.append(View(query, tuple(map(key, order)), time))
            for rank, document in enumerate(order, start=1):
                answers = 0.8 if document in relevant else NOISE
                if random.random() < LOOK[rank - 1] * answers:
                    clicks.append(Click(query, key(document), time, rank))
    return Log(tuple(clicks), tuple(views), Counter()), truth


def counted(log: Log) -> set[tuple[str, Key]]:
    """What counting clicks would take: as many as EVIDENCE, and more than the page's average."""
    clicks = Counter((click.query, click.key) for click in log.clicks)
    total = Counter(click.query for click in log.clicks)
    return {
        (query, key)
        for (query, key), count in clicks.items()
        if count >= EVIDENCE and count / total[query] > 1 / DOCUMENTS
    }


def right(pairs: set[tuple[str, Key]], truth: dict[str, set[Key]]) -> float:
    return sum(key in truth[query] for query, key in pairs) / len(pairs)


def named(found: Sequence[Evidence]) -> set[tuple[str, Key]]:
    return {(pair.query, pair.key) for pair in found}


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_pairs_are_right_more_often_than_counts_of_clicks(seed: int) -> None:
    log, truth = drawn(seed)
    pairs = named(evidence(log, bias_of(log)))
    assert right(pairs, truth) > right(counted(log), truth) + 0.15
    assert right(pairs, truth) > 0.9
    assert len(pairs) > 0.5 * QUERIES * RELEVANT


def test_the_prior_alone_is_better_than_counts() -> None:
    """Clicks with ranks, and no page logged: 1 / rank is not as steep as it was, but near."""
    log, truth = drawn(seed=0)
    blind = replace(log, views=())
    bias = bias_of(blind)
    assert bias.measured == 0
    pairs = named(evidence(blind, bias))
    assert right(pairs, truth) > right(counted(log), truth) + 0.15


def test_the_bias_is_read_off_ranks_that_changed() -> None:
    log, _ = drawn(seed=0)
    bias = bias_of(log)
    assert bias.measured == DOCUMENTS
    assert np.abs(np.log(bias.look[:DOCUMENTS] / LOOK)).max() < 0.35
    prior = bias_of(Log((), (), Counter()))
    assert np.allclose(prior.look, 1 / np.arange(1, DEEPEST + 1))


def test_where_no_rank_ever_changed_the_log_says_nothing_of_bias() -> None:
    log, _ = drawn(seed=0, rankings=1)
    assert bias_of(log).measured == 0


def clicks_of(document: int, count: int, rank: int = 1, per_day: int = 1) -> list[Click]:
    return [
        Click("q", key(document), 86_400.0 * (n // per_day), rank, f"u{n}") for n in range(count)
    ]


FLAT = Bias(np.ones(DEEPEST), 0)


def test_few_clicks_are_no_evidence() -> None:
    page = View("q", tuple(map(key, range(10))), 0.0)
    for count, expected in ((EVIDENCE - 1, 0), (EVIDENCE + 3, 1)):
        log = Log(tuple(clicks_of(1, count)), (page,), Counter())
        assert len(evidence(log, FLAT)) == expected


def test_what_everybody_clicks_a_little_is_no_evidence() -> None:
    even = [click for document in range(10) for click in clicks_of(document, 8)]
    assert evidence(Log(tuple(even), (), Counter()), FLAT) == []


def test_one_minute_of_many_clicks_is_one_session() -> None:
    once = tuple(replace(click, user=None, time=5.0) for click in clicks_of(1, 30))
    assert evidence(Log(once, (), Counter()), FLAT) == []


def test_a_document_that_came_late_is_measured_by_its_own_pages() -> None:
    """Ten times as rarely shown, and clicked on every page: as good as the one that always is."""
    old = View("q", tuple(map(key, range(10))), 0.0)
    new = View("q", tuple(map(key, (*range(9), 99))), 0.0)
    clicks = [*clicks_of(1, 100), *clicks_of(99, 10)]
    log = Log(tuple(clicks), tuple([old] * 90 + [new] * 10), Counter())
    shares = {pair.key: pair.share for pair in evidence(log, FLAT)}
    assert shares[key(1)] == pytest.approx(0.5)
    assert shares[key(99)] == pytest.approx(0.5)


def lines(*pages: dict[str, object]) -> Log:
    return read_log(Record(f"log:{n}", page) for n, page in enumerate(pages, start=1))


def line(**fields: object) -> dict[str, object]:
    return {"query": "low  tide ", "time": "2031-05-01T02:00:00Z", "source": "sea", **fields}


def test_times_ranks_and_queries_are_read_as_they_come() -> None:
    log = lines(
        line(id=7, rank=2),
        line(id="8", time=1_935_367_300, shown=["9", "8"]),
        line(id="9", time="2031-05-01T04:30:00+02:00"),
    )
    assert [click.key for click in log.clicks] == [("sea", "7"), ("sea", "8"), ("sea", "9")]
    assert {click.query for click in log.clicks} == {"low tide"}
    assert [click.rank for click in log.clicks] == [2, 2, 1]
    assert log.clicks[0].time == 1_935_367_200
    assert log.clicks[2].time == 1_935_369_000


def test_a_page_gives_later_clicks_their_rank_and_is_counted_once() -> None:
    log = lines(
        line(hits=[["sea", "1"], ["law", "2"]], version=3),
        line(id="2", source="law", time="2031-05-01T02:00:09Z", shown=[["sea", "1"], ["law", "2"]]),
        line(id="1", time="2031-05-01T01:00:00Z"),
    )
    assert len(log.views) == 1
    assert [(click.key, click.rank) for click in log.clicks] == [
        (("sea", "1"), None),
        (("law", "2"), 2),
    ]


def test_nobody_counts_twice_a_day() -> None:
    often = [line(id="1", user="ann", time=100.0 * n) for n in range(20)]
    log = lines(*often, line(id="1", user="ann", time=90_000.0), line(id="1", user="bob", time=1.0))
    assert len(log.clicks) == 3
    assert log.left_out["repeated clicks"] == 19
    assert log.people == {"low tide": 2}
    double = lines(line(id="1", time=0.0), line(id="1", time=2.0), line(id="1", time=60.0))
    assert len(double.clicks) == 2


def test_the_same_page_of_the_same_day_was_seen_once() -> None:
    seen = [line(shown=["1", "2"], user="ann", time=10.0 * n) for n in range(5)]
    assert len(lines(*seen, line(shown=["1", "2"], user="bob", time=1.0)).views) == 2


def test_robots_are_left_out() -> None:
    robot = [line(id=n, query=f"q{n}", user="r", time=float(n)) for n in range(200)]
    page = line(shown=["1"], user="r", time=0.0)
    reader = [line(id=n, query=f"q{n}", user="ann", time=60.0 * n) for n in range(200)]
    log = lines(*robot, *reader, page)
    assert {click.user for click in log.clicks} == {"ann"}
    assert log.left_out["clicks of robots"] == 200
    assert log.views == ()


@pytest.mark.parametrize(
    "bad",
    [
        {"query": " "},
        {"query": 7},
        {"query": "x" * 3000, "id": "1"},
        {"query": "\ud800", "id": "1"},
        {"time": "yesterday", "id": "1"},
        {"time": None, "id": "1"},
        {"time": True, "id": "1"},
        {"time": 10**400, "id": "1"},
        {"time": float("inf"), "id": "1"},
        {"time": float("nan"), "id": "1"},
        {"id": "1", "rank": 0},
        {"id": "1", "rank": True},
        {"id": "1", "rank": "2"},
        {"id": ["1"]},
        {"id": "a\tb"},
        {"id": "a\nb"},
        {"id": ""},
        {"shown": "1"},
        {"shown": [["a", "b", "c"]]},
        {"shown": [{"id": 1}]},
        {"shown": []},
        {},
    ],
)
def test_a_line_that_is_none_is_counted_with_its_reason(bad: dict[str, object]) -> None:
    log = lines(line(**bad), line(id="1"))
    assert len(log.clicks) == 1
    assert sum(log.left_out.values()) == 1
