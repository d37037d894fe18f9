"""Every move of HEAD, one line of JSON each, oldest first.

A line is a function of the manifest that HEAD moved to, so a line that a kill prevented can be
written later, and `verify` knows what each must be. Its digests also vouch for the versions behind
a damaged manifest.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from nightshift.errors import StoreDamaged
from state import durable
from state.manifest import Manifest


def line(manifest: Manifest, digest: str) -> bytes:
    """What the log says about the move of HEAD to this manifest."""
    entry = {
        "time": manifest.time,
        "why": f"{manifest.kind}: {manifest.reason}",
        "from": manifest.parent,
        "to": manifest.version,
        "digest": digest,
    }
    return json.dumps(entry).encode() + b"\n"


def read(root: Path) -> list[dict[str, Any]]:
    """All moves: time, why, from, to, digest. A line that is still being written is left out."""
    entries = []
    for number, text in enumerate(_lines(root), 1):
        entry = _parsed(text)
        if entry is None:
            raise StoreDamaged(f"line {number} of the log is damaged", hint="nightshift verify")
        entries.append(entry)
    return entries


def digests(root: Path) -> dict[int, str]:
    """Version -> digest of its manifest, from the lines that can be read."""
    entries = (_parsed(text) for text in _lines(root))
    return {entry["to"]: entry["digest"] for entry in entries if entry is not None}


def append(root: Path, manifest: Manifest, digest: str) -> None:
    durable.append(root / "log", line(manifest, digest))


def mend(root: Path, live: Manifest, digest: str) -> None:
    """Finish what a kill interrupted: cut a torn line, add the live version's if it is missing."""
    data = content(root)
    whole = data.rfind(b"\n") + 1
    if whole < len(data):
        durable.truncate(root / "log", whole)
    if live.version not in digests(root):
        append(root, live, digest)


def content(root: Path) -> bytes:
    """The bytes of the log; none before the first move."""
    try:
        return (root / "log").read_bytes()
    except FileNotFoundError:
        return b""


def _lines(root: Path) -> list[bytes]:
    return content(root).split(b"\n")[:-1]


def _parsed(text: bytes) -> dict[str, Any] | None:
    try:
        entry = json.loads(text)
        sound = isinstance(entry["to"], int) and isinstance(entry["digest"], str)
    except (ValueError, TypeError, KeyError):
        return None
    return entry if sound else None
