"""What people look at after a night, out of the facts of its version: a page and two tables."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from state.manifest import Manifest

Row = dict[str, Any]


def decision(manifest: Manifest) -> str:
    """The decision as a page of Markdown.

    >>> night = Manifest(2, 1, "2031-05-01T02:00:00+00:00", "night", "wait tides", {}, {}, {}, {
    ...     "documents": {"added": 40, "updated": 0}, "live_documents": 340, "live_experts": [],
    ...     "encoded": 40, "outcomes": [{"kind": "tides", "documents": 40, "outcome": "wait",
    ...     "reason": "too few", "expert": None, "gate": None}]})
    >>> print(decision(night))
    ## Version 2: wait tides
    <BLANKLINE>
    night, 2031-05-01T02:00:00+00:00; 340 documents (40 added), 40 encoded; experts: none
    <BLANKLINE>
    - **wait** 40 documents of *tides*: too few
    <BLANKLINE>
    To take it back: `nightshift rollback 1 --reason WHY`
    """
    facts = manifest.facts
    changes = ", ".join(f"{count} {what}" for what, count in facts["documents"].items() if count)
    experts = ", ".join(facts["live_experts"]) or "none"
    lines = [
        f"## Version {manifest.version}: {_plain(manifest.reason)}",
        "",
        f"{manifest.kind}, {manifest.time}; {facts['live_documents']:,} documents "
        f"({changes or 'no change'}), {facts['encoded']:,} encoded; experts: {experts}",
        "",
        *(_outcome(outcome) for outcome in facts["outcomes"]),
    ]
    if manifest.parent:
        lines += ["", f"To take it back: `nightshift rollback {manifest.parent} --reason WHY`"]
    return "\n".join(lines)


def drift(manifest: Manifest) -> list[Row]:
    """Layer by layer: how much of the night is foreign to every known kind, and what is usual."""
    seen = manifest.facts.get("detection", {}).get("drift")
    if not seen:
        return []
    return [
        {
            "version": manifest.version,
            "layer": layer,
            "beyond 95 %": f"{100 * share:.1f} %",
            "usual": f"{100 * seen['usual']:.0f} %",
            "counts as new above": f"{100 * seen['threshold']:.0f} %",
        }
        for layer, share in zip(seen["layers"], seen["shares"], strict=True)
    ]


def gate(manifest: Manifest) -> list[Row]:
    """What the gate measured, kind by kind, in points of nDCG@10."""
    rows: list[Row] = []
    names = manifest.facts["kinds"]
    for outcome in manifest.facts["outcomes"]:
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


def _outcome(outcome: Mapping[str, Any]) -> str:
    kind = f" of *{_plain(outcome['kind'])}*" if outcome["kind"] != "-" else ""
    served = f" by {outcome['expert']}" if outcome["expert"] else ""
    told = f"- **{outcome['outcome']}** {outcome['documents']} documents{kind}{served}"
    return f"{told}: {_plain(outcome['reason'])}"


def _plain(text: str) -> str:
    """Text that came with documents: no line breaks and nothing that Markdown or HTML would act on.

    >>> _plain("<b>tides</b> *and* `moons`")
    '&lt;b&gt;tides&lt;/b&gt; \\\\*and\\\\* \\\\`moons\\\\`'
    """
    for mark, safe in (("&", "&amp;"), ("<", "&lt;"), (">", "&gt;")):
        text = text.replace(mark, safe)
    text = "".join(f"\\{c}" if c in "\\`*_[]|" else c for c in text)
    return " ".join(text.split())
