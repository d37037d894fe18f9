"""The load test's own judgement: what counts as the answer of a version, and what as a mixture."""

from __future__ import annotations

import asyncio

from bench.service_load import CLOSE, Hits, hear, is_right

RIGHT: Hits = [("a", "1", 0.9), ("a", "2", 0.5), ("b", "3", 0.4)]


def test_last_digits_may_differ_and_near_equals_change_places() -> None:
    assert is_right(RIGHT, RIGHT)
    assert is_right([(s, i, score + CLOSE / 2) for s, i, score in RIGHT], RIGHT)
    near: Hits = [("a", "1", 0.9), ("a", "2", 0.9 - CLOSE / 2)]
    assert is_right([near[1], near[0]], near)
    tied: Hits = [("a", "1", 0.9), ("c", "9", 0.5)]
    assert is_right([("a", "1", 0.9), ("c", "8", 0.5)], tied)
    assert is_right([], [])


def test_another_document_another_score_or_fewer_hits_are_a_mixture() -> None:
    assert not is_right([("a", "9", 0.9), *RIGHT[1:]], RIGHT)
    assert not is_right([RIGHT[1], RIGHT[0], RIGHT[2]], RIGHT)
    assert not is_right([("a", "1", 0.8), *RIGHT[1:]], RIGHT)
    assert not is_right(RIGHT[:2], RIGHT)


def test_errors_are_counted_and_cost_no_other_client_its_answers() -> None:
    async def ask(query: str) -> tuple[int, Hits]:
        await asyncio.sleep(0.001)
        if query == "bad":
            raise ValueError("no")
        return 7, RIGHT

    heard = asyncio.run(hear(ask, ["good", "bad"], clients=3, seconds=0.1))
    assert heard.errors
    assert set(heard.errors) == {"ValueError: no"}
    assert {(query, version) for query, version, _ in heard.answers} == {("good", 7)}
    assert len(heard.seconds) == len(heard.answers)
