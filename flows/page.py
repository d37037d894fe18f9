"""A version's decision as a page of Markdown, in words of the kinds and of nobody's document.

Only what a purge need not take back may be said here: no text, no document's name, and of the
words that name a group only those of a kind, which are common to dozens of documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from state.manifest import Manifest

OWN_WORDS = ("init", "rollback")
"""Versions whose reason was typed by a person or names batches; others are told by their facts."""
OF_EXPERTS = ("approve", "reject", "retire")
LONGEST = 80
"""Characters of a headline: what MLflow's list of runs has room for."""


def headline(manifest: Manifest) -> str:
    """A version's name where many are listed.

    >>> facts = {"outcomes": [{"outcome": "spawn", "kind": "moon-tides", "documents": 120}],
    ...          "kinds": {"k2": "moon-tides"}}
    >>> headline(Manifest(2, 1, "", "night", "", {}, {}, {}, facts))
    'night 2: spawn k2 moon-tides'
    """
    told = f"{manifest.kind} {manifest.version}: {reason(manifest)}"
    return told if len(told) <= LONGEST else told[: LONGEST - 1] + "…"


def kind_of(outcome: Mapping[str, Any], facts: Mapping[str, Any]) -> str | None:
    """The id of an outcome's kind, if it is of one; versions of nightshift 0.1 kept names alone."""
    if "kind_id" in outcome:
        return outcome["kind_id"] if outcome["kind_id"] in facts.get("kinds", {}) else None
    named = (id_ for id_, name in facts.get("kinds", {}).items() if name == outcome["kind"])
    return next(named, None)


def reason(manifest: Manifest) -> str:
    """Why the version exists, in one line.

    >>> facts = {"outcomes": [{"outcome": "spawn", "kind": "moon-tides", "documents": 120},
    ...                       {"outcome": "wait", "kind": "jane-doe", "documents": 3}],
    ...          "kinds": {"k2": "moon-tides"}}
    >>> reason(Manifest(2, 1, "", "night", "", {}, {}, {}, facts))
    'spawn k2 moon-tides, wait (3 documents)'
    """
    if manifest.kind in OWN_WORDS:
        return said(manifest)
    if manifest.kind in OF_EXPERTS:
        return str(manifest.facts[manifest.kind]["expert"])
    told = [
        f"{each['outcome']} {id_} {each['kind']}"
        if (id_ := kind_of(each, manifest.facts))
        else f"{each['outcome']} ({_counted(each['documents'])})"
        for each in manifest.facts.get("outcomes", [])
    ]
    return ", ".join(told) or ("documents changed" if manifest.kind == "night" else manifest.kind)


def _counted(documents: int) -> str:
    return f"{documents} {'document' if documents == 1 else 'documents'}"


def said(manifest: Manifest) -> str:
    """Its own words; a rollback's with the version that it went back to."""
    back = manifest.facts.get("rollback")
    return f"to version {back['to']}: {manifest.reason}" if back else manifest.reason


def decision(manifest: Manifest) -> str:
    """What was decided and why, as people read it in MLflow."""
    facts = manifest.facts
    lines = [f"# Version {manifest.version}: {manifest.kind}", "", reason(manifest), ""]
    changes = [f"{count} {what}" for what, count in facts.get("documents", {}).items() if count]
    lines += [f"Documents: {', '.join(changes) or 'no change'}.{_waited(facts)}", *_test(facts)]
    outcomes = facts.get("outcomes", [])
    if outcomes:
        lines += [
            "",
            "| outcome | kind | documents | expert | why | gate: nDCG@10, 90 % interval |",
            "|---|---|---|---|---|---|",
            *(_row(outcome, kind_of(outcome, facts)) for outcome in outcomes),
        ]
    return "\n".join(lines) + "\n"


def _waited(facts: Mapping[str, Any]) -> str:
    """What was decided besides of documents that came on earlier nights."""
    came = facts.get("documents", {})
    decided = sum(each["documents"] for each in facts.get("outcomes", []))
    earlier = decided - sum(came.get(what, 0) for what in ("added", "updated", "quarantined"))
    return f" {_counted(earlier)} had waited." if earlier > 0 else ""


def _test(facts: Mapping[str, Any]) -> list[str]:
    detection = facts.get("detection", {})
    if "p_value" not in detection:
        return []
    said = "Something is new" if detection["new"] else "Nothing is new"
    shares = ", ".join(
        f"{100 * share:.0f} % beyond {100 * float(level):.0f} %"
        for level, share in detection["shares"].items()
    )
    return [f"{said} (p = {detection['p_value']:.2g}): {shares} at layers {detection['layers']}."]


def _row(outcome: Mapping[str, Any], id_: str | None) -> str:
    kind = f"{id_} {outcome['kind']}" if id_ else "-"
    # What the gate and the decision say names kinds by id; a quarantine may quote the document.
    why = outcome["reason"] if outcome["outcome"] != "quarantine" else "see `nightshift show`"
    expert = outcome.get("expert") or "-"
    cells = [outcome["outcome"], kind, str(outcome["documents"]), expert, why, _gate(outcome)]
    return "| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |"


def _gate(outcome: Mapping[str, Any]) -> str:
    gate = outcome.get("gate")
    if not gate:
        return "-"
    low, high = gate["interval"]
    verdict = "accepted" if gate["accepted"] else "refused"
    sort = "synthetic" if gate["synthetic"] else "real"
    figures = f"{100 * gate['gain']:+.1f} ({100 * low:+.1f} to {100 * high:+.1f})"
    told = f"{verdict}: {figures} points on {gate['queries']} {sort} queries"
    return f"{told}, {gate['better']} better, {gate['worse']} worse" if "better" in gate else told
