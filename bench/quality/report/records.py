"""The tables of what was decided, seen and run: goals, decisions, detectors, origin."""

from __future__ import annotations

from collections.abc import Sequence

from bench.quality.claims import judged as claimed
from bench.quality.figures import NONE, count, percent
from bench.quality.goals import FAR, OUR_DETECTOR, OURS, judged
from bench.quality.report.table import Table
from bench.quality.summary import BOOTSTRAP, Evidence


def goals(evidence: Evidence) -> Table:
    """A row per goal: the figure, and met, not met or not measured."""
    rows = [(sentence, verdict.figure, verdict.word) for sentence, verdict in judged(evidence)]
    return Table("Goals", "", ("goal", "figure", "verdict"), tuple(rows))


def claims(evidence: Evidence) -> Table:
    """A row per claim of a published system whose rivals were run too."""
    return Table(
        "Claims of the published systems",
        "Mean over all domains after the last night, nDCG@10 in points on `test`.",
        ("by", "claim", "figure", "here"),
        tuple(claimed(evidence)),
    )


def decisions(evidence: Evidence, system: str = OURS) -> Table:
    """A row per night: what was decided in each seed, and whether the stream accepts it."""
    page = evidence.results.systems.get(system, {})
    outcomes, accepted, experts = (
        page.get(one) or {} for one in ("outcomes", "accepted", "experts")
    )
    rows = [
        (
            night,
            _by_seed([" + ".join(words) or NONE for words in outcomes.get(night, [])]),
            _by_seed(["right" if one else "wrong" for one in accepted.get(night, [])]),
            _by_seed(experts.get(night, [])),
        )
        for night in evidence.results.nights
        if night != BOOTSTRAP and (night in outcomes or night in accepted)
    ]
    return Table(
        "Decisions",
        f"System `{system}`; a value per seed where seeds differ.",
        ("night", "outcomes", "accepted by the stream", "experts"),
        tuple(rows),
    )


def _by_seed(values: Sequence[object]) -> str:
    told = [str(one) for one in values]
    return told[0] if told and len(set(told)) == 1 else " | ".join(told) or NONE


def detectors(evidence: Evidence) -> Table:
    """A row per detector: AUROC by domain, rates on splits, nights with an alarm."""
    page = evidence.results.page.get("detectors") or {}
    auroc, splits, nights = (page.get(one) or {} for one in ("auroc", "splits", "nights"))
    names = list(
        dict.fromkeys([*auroc, *splits, *(name for one in nights.values() for name in one)])
    )
    new = list(dict.fromkeys(domain for by_domain in auroc.values() for domain in by_domain))
    far = [domain for domain, one in auroc.get(OUR_DETECTOR, {}).items() if one >= FAR]
    rows = []
    for name in names:
        each = [auroc.get(name, {}).get(domain) for domain in new]
        known = [one for one in each if one is not None]
        tally = splits.get(name, {})
        alarms = [night for night, told in nights.items() if told.get(name, {}).get("alarm")]
        rows.append(
            (
                name,
                f"{sum(known) / len(known):.3f}" if known else NONE,
                *(NONE if one is None else f"{one:.3f}" for one in each),
                _rate(tally, "false_alarm", "splits"),
                _rate(tally, "miss", "novel"),
                ", ".join(alarms) or NONE,
            )
        )
    return Table(
        "Detectors",
        "AUROC per document, by domain left out; false alarms on splits of known text; misses on"
        f" far domains left out, those where {OUR_DETECTOR} has an AUROC of at least .9"
        f" ({', '.join(far) or NONE}); nights that were called new. By their rules for a night,"
        f" {OUR_DETECTOR} and last-layer know how titles stick together; others are as published.",
        ("detector", "AUROC, mean", *new, "false alarms", "misses", "alarms"),
        tuple(rows),
    )


def seen_by_layer(evidence: Evidence) -> Table:
    """A row per domain: the AUROC of each layer alone."""
    page = (evidence.results.page.get("detectors") or {}).get("auroc_by_layer") or {}
    depth = max(map(len, page.values()), default=0)
    rows = [(domain, *(f"{one:.3f}" for one in layers)) for domain, layers in page.items()]
    return Table(
        "AUROC by layer",
        "Our statistic on each layer of the frozen encoder alone, by domain left out.",
        ("domain", *(f"layer {layer}" for layer in range(depth))),
        tuple(rows),
    )


def _rate(tally: dict[str, float], rate: str, number: str) -> str:
    if tally.get(rate) is None:
        return NONE
    return f"{percent(tally[rate])} of {count(tally.get(number))}"


def about(evidence: Evidence) -> Table:
    """What each system is."""
    results = evidence.results
    rows = [
        (
            name,
            str(system.get("about", NONE)),
            ", ".join(map(str, system["seeds"])),
            ", ".join(system.get("code", ())) or NONE,
            NONE if system.get("floor") is None else f"{100 * system['floor']:.2f}",
            results.processor(name) or NONE,
        )
        for name, system in results.systems.items()
    ]
    head = ("system", "what it is", "seeds", "states of the code", "frozen beside it", "processor")
    note = (
        "Rows of different states were made by different code (what changed meanwhile is in"
        " docs/decisions.md); beside each stood a frozen encoder of its own run, AP on `test`. CPU"
        " seconds of different processors do not compare."
    )
    return Table("What was run", note, head, tuple(rows))


def origin(evidence: Evidence) -> Table:
    """Stream, profile, seeds, versions, machine: what it takes to make the figures again."""
    results = evidence.results
    told = {
        "command": results.command,
        "stream": results.page["stream"],
        "profile": results.page["profile"],
        "documents": "all that queries are about,"
        f" and {percent(results.page.get('share'))} of the others",
        "seeds": ", ".join(f"{name} {one['seeds']}" for name, one in results.systems.items()),
        **{f"machine: {key}": value for key, value in (results.page.get("machine") or {}).items()},
        **{f"version: {key}": value for key, value in results.page.get("versions", {}).items()},
    }
    rows = tuple((key, str(value)) for key, value in told.items())
    return Table("How it was made", "", ("what", "value"), rows)
