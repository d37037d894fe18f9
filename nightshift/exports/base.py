"""What every format is given, and what it says of what it wrote."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from flows.live import Live
from nightshift.errors import UsageError


@dataclass(frozen=True)
class Told:
    """One line for the terminal, and what the README of the folder says is in it (Markdown)."""

    line: str
    page: str


class Format(Protocol):
    def __call__(self, live: Live, folder: Path, expert: str | None) -> Told:
        """Write a version into an empty folder."""
        ...


def serving(live: Live, expert: str | None) -> list[str]:
    """The experts that some kind is served by, or the one that was asked for."""
    there = sorted(set(live.modules.router.experts.values()))
    if expert is None:
        return there
    if expert not in there:
        raise UsageError(
            f"no kind is served by {expert!r} in version {live.manifest.version}; "
            f"experts that serve: {', '.join(there) or 'none'}",
            hint="nightshift experts",
        )
    return [expert]


def plain_encoder_only(name: str, live: Live) -> None:
    """Refuse an encoder whose texts stand behind a general prefix, where that would be lost."""
    checkpoint = live.encoder.checkpoint
    if checkpoint.general:
        raise UsageError(
            f"{checkpoint.name} has a general prefix, which {name} does not know",
            hint="nightshift export vectors --out FOLDER",
        )


def frozen_only(name: str, expert: str | None) -> None:
    """Refuse an expert where vectors of the frozen encoder are written."""
    if expert is not None:
        raise UsageError(
            f"{name} holds the frozen encoder's vectors, which are no expert's",
            hint=f"nightshift export {name} --out FOLDER",
        )
