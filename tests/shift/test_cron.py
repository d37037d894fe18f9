"""Nights by the clock on the wall, also where that clock is put forward or back."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import pytest

from flows.shift.cron import nights

SPRING = {"Europe/Berlin": date(2027, 3, 28), "America/New_York": date(2027, 3, 14)}
AUTUMN = {"Europe/Berlin": date(2027, 10, 31), "America/New_York": date(2027, 11, 7)}
ZONES = sorted(SPRING)


def around(day: date) -> datetime:
    return datetime(day.year, day.month, day.day, 12, tzinfo=UTC) - timedelta(days=3)


@pytest.mark.parametrize("zone", ZONES)
@pytest.mark.parametrize("cron", ["30 2 * * *", "30 1 * * *", "0 3 * * *"])
def test_every_day_of_a_year_has_one_night(zone: str, cron: str) -> None:
    found = nights(cron, zone, 365, datetime(2027, 1, 1, 12, tzinfo=UTC))
    days = [night.date() for night in found]
    assert days == [days[0] + timedelta(days=n) for n in range(365)]


@pytest.mark.parametrize("zone", ZONES)
def test_a_night_keeps_its_hour_on_both_sides_of_the_change(zone: str) -> None:
    for change in (SPRING[zone], AUTUMN[zone]):
        found = nights("30 2 * * *", zone, 6, around(change))
        usual = [night for night in found if night.date() != change]
        assert {(night.hour, night.minute) for night in usual} == {(2, 30)}
        assert len({night.utcoffset() for night in usual}) == 2


@pytest.mark.parametrize("zone", ZONES)
def test_an_hour_that_there_is_not_moves_the_night_by_an_hour(zone: str) -> None:
    [night] = [n for n in nights("30 2 * * *", zone, 6, around(SPRING[zone])) if _on(n, SPRING)]
    assert (night.hour, night.minute) in {(1, 30), (3, 30)}


@pytest.mark.parametrize("zone", ZONES)
def test_an_hour_that_comes_twice_has_one_night(zone: str) -> None:
    hour = {"Europe/Berlin": "30 2 * * *", "America/New_York": "30 1 * * *"}[zone]
    found = [night for night in nights(hour, zone, 6, around(AUTUMN[zone])) if _on(night, AUTUMN)]
    assert len(found) == 1


@pytest.mark.parametrize("zone", ZONES)
def test_what_is_next_has_not_been(zone: str) -> None:
    for change in (SPRING[zone], AUTUMN[zone]):
        for quarters in range(96):
            now = around(change) + timedelta(days=2, minutes=15 * quarters)
            first, second = nights("30 2 * * *", zone, 2, now)
            assert now < first < second


def _on(night: datetime, changes: dict[str, date]) -> bool:
    return night.date() in changes.values()
