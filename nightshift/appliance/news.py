"""What the nights do, in lines for whoever looks at the terminal of `nightshift up`."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

from nightshift.errors import NightshiftError, printable

if TYPE_CHECKING:
    from flows.shift.plan import Plan, Run

SECONDS_BETWEEN_LOOKS = 5.0


class News:
    """Asks Prefect now and then whether a run has ended, and tells each once."""

    def __init__(self, tell: Callable[[str], None]) -> None:
        self._tell = tell
        self._known: dict[str, str] = {}
        self._timezones: dict[str, str] = {}
        self._next = 0.0

    def first(self) -> str:
        """When the nights are; what ended before this moment is no news."""
        from flows.shift.plan import read_all, server

        try:
            with server() as client:
                plans = read_all(client)
        except NightshiftError as error:
            return error.message
        for plan in plans:
            self._timezones[plan.flow] = plan.timezone
            self._known.setdefault(plan.flow, plan.last.id if plan.last else "")
        return "\n         ".join(when(plan) for plan in plans)

    def look(self) -> None:
        """Tell of runs that have ended, if it is time to look again."""
        from flows.shift.plan import last_over, server

        if time.monotonic() < self._next:
            return
        self._next = time.monotonic() + SECONDS_BETWEEN_LOOKS
        with suppress(NightshiftError), server() as client:
            for flow, timezone in self._timezones.items():
                last = last_over(client, flow)
                if last and last.id != self._known[flow]:
                    self._known[flow] = last.id
                    self._tell(f"{flow:<8} {told(last, timezone)}")


def when(plan: Plan) -> str:
    """A plan in a few words: `nightly 0 2 * * * (Europe/Berlin), next Sun 22 Nov 02:00 +0100`."""
    if plan.cron is None:
        return f"{plan.flow} has no schedule"
    said = f"{plan.flow} {plan.cron} ({plan.timezone})"
    if plan.paused:
        return f"{said}, paused"
    return f"{said}, next {plan.next[0]:%a %d %b %H:%M %z}" if plan.next else said


def told(run: Run, timezone: str) -> str:
    """A run that has ended, in a line, by the clock of its schedule."""
    end = f"{run.end.astimezone(ZoneInfo(timezone)):%a %d %b %H:%M %z}  " if run.end else ""
    return printable(f"{end}{outcome(run)}")


def outcome(run: Run) -> str:
    """What came of a run, without saying a thing twice: `nothing to do: no batch ...`."""
    short = run.state.removeprefix("Completed: ")
    return run.message if run.message.startswith(short) else f"{short}: {run.message}"
