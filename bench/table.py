"""The results of `bench.one_night` as a table for the docs.

python -m bench.table bench/results/one_night_*.json
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any


def rows(pages: list[dict[str, Any]]) -> list[str]:
    """A row per night: what was decided, and gains in points with 95 % intervals."""
    table = [
        "| night | decision | `test` | `test_seen` | first corpus, worst `test` |",
        "|" + "---|" * 5,
    ]
    for page in pages:
        own = page["domains"][page["night"]]
        worst = min(
            (page["domains"][name]["test"] for name in page["first"]), key=lambda one: one["gain"]
        )
        decided = ", ".join(
            f"{outcome['outcome']} {outcome['documents']}" for outcome in page["outcomes"]
        )
        cells = [
            page["night"],
            decided,
            *(f"{100 * own[split]['frozen']:.1f} {_points(own[split])}" for split in own),
            _points(worst),
        ]
        table.append("| " + " | ".join(cells) + " |")
    return table


def _points(measured: dict[str, Any]) -> str:
    low, high = measured["interval"]
    return f"{100 * measured['gain']:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"


if __name__ == "__main__":
    print("\n".join(rows([json.loads(Path(name).read_text("utf-8")) for name in sys.argv[1:]])))
