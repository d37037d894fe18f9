"""What came of a run, in the few words that an automation can wait for.

The name of the run's last state is `Completed: ` and one of NAMES; its message tells everything.
Where several batches came to different ends, the run is named for the one that a person would want
to hear of first.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from flows.outcome import Outcome

if TYPE_CHECKING:
    from flows.night import Night

NAMES = {
    "refused": "batch refused",
    "propose": "proposed",
    "spawn": "spawned",
    "refine": "refined",
    "gate refused": "gate refused",
    "reuse": "reused",
    "absorb": "absorbed",
    "wait": "waiting",
    "quarantine": "quarantined",
    "changed": "documents changed",
    "nothing": "nothing to do",
}
"""What a run is called by what became of its batches, the most urgent first."""


def verdict(nights: Sequence[Night]) -> str:
    """The name of the state in which a run of these nights ends.

    >>> from flows.night import Night
    >>> known = Night("monday", 7, (Outcome("sea", 40, "absorb", "known text"),), {}, 40, {})
    >>> new = Night("tuesday", 8, (Outcome("law", 240, "spawn", "new", "e1"),), {}, 240, {})
    >>> verdict([known, new]), verdict([known]), verdict([])
    ('Completed: spawned', 'Completed: absorbed', 'Completed: nothing to do')
    """
    ends = {end for night in nights for end in _ends(night)} | {"nothing"}
    return f"Completed: {next(name for end, name in NAMES.items() if end in ends)}"


def in_a_line(night: Night) -> str:
    """What became of one batch, for people.

    >>> from flows.night import Night
    >>> in_a_line(Night("monday", 7, (Outcome("sea", 40, "absorb", "known"),), {}, 40, {}))
    'monday: version 7 (absorb 40)'
    """
    if night.version is None:
        why = "; ".join(f"{one.outcome}: {one.reason}" for one in night.outcomes)
        return f"{night.batch}: {why or 'nothing new'}"
    outcomes = ", ".join(f"{one.outcome} {one.documents}" for one in night.outcomes)
    return f"{night.batch}: version {night.version} ({outcomes or 'documents changed'})"


def versions_in(told: str) -> list[int]:
    """The versions that a run's message tells of.

    >>> versions_in("monday: version 7 (absorb 40); tuesday: version 8 (spawn 240)")
    [7, 8]
    """
    return [int(number) for number in re.findall(r": version (\d+)\b", told)]


def _ends(night: Night) -> list[str]:
    changed = ["changed"] if night.version else []
    return changed + [_end(outcome) for outcome in night.outcomes]


def _end(outcome: Outcome) -> str:
    refused = outcome.gate is not None and not outcome.gate["accepted"]
    return "gate refused" if refused and outcome.outcome in ("absorb", "reuse") else outcome.outcome
