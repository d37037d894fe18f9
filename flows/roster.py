"""What is told of a version's experts: what the gate measured, and which kinds they serve."""

from __future__ import annotations

from typing import Any

from flows.live import open_live
from state.store import Store


def roster(store: Store, version: int | None = None) -> list[dict[str, Any]]:
    """A row for every expert that the version has."""
    with open_live(store, version) as live:
        modules = live.modules
    served: dict[str, list[str]] = {}
    for kind, expert in modules.router.experts.items():
        served.setdefault(expert, []).append(modules.kinds[kind].name)
    return [
        {
            **vars(facts),
            "gate": dict(facts.gate),
            "serves": served.get(name, []),
            "share": modules.shares.get(facts.kind),
        }
        for name, facts in modules.experts.items()
    ]
