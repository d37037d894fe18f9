"""The inbox: which batches are complete, and why the others wait.

Two rules, one for each way in which files arrive.

- *Renamed in.* A batch is written elsewhere on the same file system and moved into the inbox
  (`mv`), so that it appears whole. What is named `.tmp`, `.part` or `.crdownload`, and a folder
  that holds such a file, is still being written.
- *Marked.* rsync, S3 and network shares do not rename folders. In an inbox that holds a file
  `.markers` a batch counts once its marker lies there too, uploaded last: `_SUCCESS` (as Hadoop
  writes it) in a folder, `NAME._SUCCESS` beside a file.
"""

from __future__ import annotations

import os
import shlex
from pathlib import Path

from nightshift.errors import BatchError
from pipeline.batch import SETTINGS
from pipeline.formats import RECORDS

MARKED = ".markers"
MARKER = "_SUCCESS"
UNFINISHED = (".tmp", ".part", ".crdownload")


def mark(batch: Path, inbox: Path) -> None:
    """Leave the marker in a batch that is being written for this inbox, if it is a marked one."""
    if (inbox / MARKED).exists():
        (batch / MARKER).touch()


def pending(inbox: Path) -> list[Path]:
    """The complete batches of a folder, in the order of their names."""
    return [entry for entry in _entries(inbox) if waiting_reason(entry) is None]


def waiting(inbox: Path) -> dict[Path, str]:
    """What lies in a folder and is not taken, with the reason; hidden entries do not count."""
    reasons = {entry: waiting_reason(entry) for entry in _entries(inbox)}
    return {entry: reason for entry, reason in reasons.items() if reason is not None}


def waiting_reason(entry: Path) -> str | None:
    """Why an entry of an inbox is not a complete batch; None when it is one."""
    if entry.is_symlink():
        return "a link; links are not followed"
    if entry.name.lower().endswith(UNFINISHED):
        return "still being written"
    if not entry.is_dir() and not (entry.is_file() and entry.name.lower().endswith(RECORDS)):
        return "not a batch"
    if unfinished := _unfinished(entry):
        return f"still being written: {unfinished}"
    if (entry.parent / MARKED).exists():
        marker = entry / MARKER if entry.is_dir() else entry.with_name(f"{entry.name}.{MARKER}")
        if not marker.is_file():
            return f"{marker.name} is not there yet"
    return None


def _entries(inbox: Path) -> list[Path]:
    if not inbox.is_dir():
        raise BatchError(
            f"there is no inbox folder at {inbox}", hint=f"mkdir -p {shlex.quote(str(inbox))}"
        )
    if (inbox / SETTINGS).exists():
        raise BatchError(
            f"{inbox} is a batch itself: it holds {SETTINGS}",
            hint=f"nightshift update {shlex.quote(str(inbox))}",
        )
    visible = [e for e in inbox.iterdir() if not e.name.startswith(".")]
    return sorted((e for e in visible if not e.name.endswith(f".{MARKER}")), key=lambda e: e.name)


def _unfinished(folder: Path) -> str | None:
    """The name of a file in a folder that somebody is still writing."""
    for _, _, files in os.walk(folder):
        for name in sorted(files):
            if name.lower().endswith(UNFINISHED):
                return name
    return None
