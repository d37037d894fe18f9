"""The figures behind a night's decision, as tables out of the facts of its version."""

from __future__ import annotations

from typing import Any

from pipeline.detector import DRIFT_LEVEL
from state.manifest import Manifest

Row = dict[str, Any]


def drift(manifest: Manifest) -> list[Row]:
    """Layer by layer: how much of the night is foreign to every known kind, and what is usual."""
    seen = manifest.facts.get("detection", {})
    if not seen.get("drift"):
        return []
    threshold = seen["drift_threshold"]
    return [
        {
            "version": manifest.version,
            "layer": layer,
            "beyond 95 %": f"{100 * share:.1f} %",
            "usual": f"{100 * (1 - DRIFT_LEVEL):.0f} %",
            "unusual above": f"{100 * threshold:.0f} %",
        }
        for layer, share in zip(seen["layers"], seen["drift"], strict=True)
    ]


def gate(manifest: Manifest) -> list[Row]:
    """What the gate measured, kind by kind, in points of nDCG@10."""
    rows: list[Row] = []
    names = manifest.facts.get("kinds", {})
    for outcome in manifest.facts.get("outcomes", []):
        verdict = outcome["gate"]
        if not verdict:
            continue
        low, high = verdict["interval"]
        rows.append(_row(manifest, outcome, outcome["kind"], verdict["gain"], low, high))
        for kind, (mean, low, high) in verdict["losses"].items():
            rows.append(_row(manifest, outcome, names.get(kind, kind), mean, low, high))
    return rows


def _row(manifest: Manifest, outcome: Row, kind: str, mean: float, low: float, high: float) -> Row:
    return {
        "version": manifest.version,
        "candidate for": _plain(outcome["kind"]),
        "asked about": _plain(kind),
        "gain": f"{100 * mean:+.1f}",
        "90 % interval": f"{100 * low:+.1f} to {100 * high:+.1f}",
        "accepted": outcome["gate"]["accepted"],
    }


def _plain(text: str) -> str:
    """Text that came with documents: no line breaks and nothing that Markdown or HTML would act on.

    >>> _plain("<b>tides</b> *and* `moons`")
    '&lt;b&gt;tides&lt;/b&gt; \\\\*and\\\\* \\\\`moons\\\\`'
    """
    for mark, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(mark, safe)
    text = "".join(f"\\{c}" if c in "\\`*_[]|" else c for c in text)
    return " ".join(text.split())
