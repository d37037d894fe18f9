"""Pins: versions that keep their objects for as long as somebody says so.

A pin is a sealed page of its own, so that none can be lost by writing another.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from nightshift.errors import UsageError
from state import durable, sealed
from state.store import Store

FOLDER = "pins"


def pin(store: Store, version: int, reason: str) -> None:
    """Keep this version's objects from `gc`; a pin that is there already takes the new reason."""
    with store.writing():
        store.manifest(version)
        time = datetime.now(UTC).isoformat(timespec="seconds")
        page = {"version": version, "reason": reason, "time": time}
        sealed.write(_place(store.root, version), page)


def unpin(store: Store, version: int) -> None:
    """Let `gc` treat this version like any other; UsageError if it is not pinned."""
    with store.writing():
        place = _place(store.root, version)
        if not place.exists():
            raise UsageError(f"version {version} is not pinned", hint="nightshift history")
        place.unlink()
        durable.sync(place.parent)


def pinned(store: Store) -> dict[int, str]:
    """Why each pinned version is kept; StoreDamaged rather than forget one."""
    pages = [sealed.read(path) for path in sorted((store.root / FOLDER).glob("*.json"))]
    return {page["version"]: page["reason"] for page in pages}


def _place(root: Path, version: int) -> Path:
    return root / FOLDER / f"{version:08}.json"
