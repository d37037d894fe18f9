"""Which nights a cron expression means, as Prefect's scheduler reckons them.

Prefect's own reckoning is asked, not a second one. Every day has one night, also where the clock
jumps over its hour or shows it twice; see tests/flows/test_cron.py.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, available_timezones

from nightshift.errors import UsageError


def check(cron: str, timezone: str) -> None:
    """UsageError where Prefect would not take them.

    >>> check("0 2 * * *", "Europe/Berlin")
    >>> check("0 26 * * *", "Europe/Berlin")
    Traceback (most recent call last):
    nightshift.errors.UsageError: '0 26 * * *' is no cron expression; try: --cron "0 2 * * *"
    >>> check("0 2 * * *", "Berlin")
    Traceback (most recent call last):
    nightshift.errors.UsageError: there is no time zone 'Berlin'; try: --timezone Europe/Berlin
    """
    from prefect.client.schemas.schedules import CronSchedule

    if timezone not in available_timezones():
        alike = sorted(zone for zone in available_timezones() if zone.endswith(f"/{timezone}"))
        raise UsageError(
            f"there is no time zone {timezone!r}",
            hint=f"--timezone {alike[0] if alike else 'Europe/Berlin'}",
        )
    try:
        CronSchedule(cron=cron, timezone=timezone)
    except ValueError:
        raise UsageError(f"{cron!r} is no cron expression", hint='--cron "0 2 * * *"') from None


def nights(cron: str, timezone: str, count: int, after: datetime) -> list[datetime]:
    """The next `count` times, in the clock of that time zone.

    >>> noon = datetime(2026, 11, 21, 12, tzinfo=UTC)
    >>> [f"{night:%a %d %b %H:%M %z}" for night in nights("0 2 * * *", "Europe/Berlin", 2, noon)]
    ['Sun 22 Nov 02:00 +0100', 'Mon 23 Nov 02:00 +0100']
    """
    from prefect.server.schemas.schedules import CronSchedule

    schedule = CronSchedule(cron=cron, timezone=timezone)
    # In the hour before the clock is put forward Prefect names a time that has just passed.
    found = asyncio.run(schedule.get_dates(count + 1, after))
    local = [
        datetime.fromtimestamp(time.timestamp(), UTC).astimezone(ZoneInfo(timezone))
        for time in found
    ]
    return [time for time in local if time > after][:count]


def local_timezone() -> str:
    """The time zone of this machine; UTC where it has none that has a name."""
    import tzlocal

    name = tzlocal.get_localzone_name()
    return name if name in available_timezones() else "UTC"
