"""What a run is called: the night it is of, and not two random words."""

from __future__ import annotations

from datetime import datetime

from prefect.runtime import flow_run


def night() -> str:
    """The title of a nightly run, from when it was due by the clock of this machine."""
    return titled("night", flow_run.scheduled_start_time)


def rounds() -> str:
    """The title of the weekly rounds."""
    return titled("rounds", flow_run.scheduled_start_time)


def titled(what: str, due: datetime) -> str:
    """
    >>> titled("night", datetime(2026, 11, 22, 2, 0).astimezone())
    'night of Sun 22 Nov 2026, 02:00'
    """
    return f"{what} of {due.astimezone():%a %d %b %Y, %H:%M}"
