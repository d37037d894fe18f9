"""Exports of a store, and queries to try them with."""

from __future__ import annotations

from pathlib import Path

import worlds

from flows.live import open_live
from nightshift.exports.formats import Exported, export
from state.store import Store

QUERIES = [worlds.query("sea", n) for n in range(12)]


def exported(
    store: Store,
    format: str,
    out: Path,
    expert: str | None = None,
    version: int | None = None,
) -> Exported:
    with open_live(store, version) as live:
        return export(live, format, out, expert)
