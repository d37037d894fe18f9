"""The tables of a report, as cells; markdown and HTML print the same ones.

Scores are points: hundredths of nDCG@10 (or R@100) over the whole index, after the last night
unless a table says otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from bench.quality import counted, summary
from bench.quality.figures import NONE, chance, count, level, level_between, percent, points
from bench.quality.goals import DENSE, FUSION, LEXICAL, OURS, judged
from bench.quality.results import SPLITS
from bench.quality.summary import BOOTSTRAP, FROZEN, Evidence


@dataclass(frozen=True)
class Table:
    title: str
    about: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def systems(evidence: Evidence) -> Table:
    """A row per system: the words for quality, both splits, growth and cost."""
    rows = []
    for name, system in evidence.results.systems.items():
        both = [summary.average(evidence, name, split) for split in SPLITS]
        over = [_over_frozen(evidence, name, split) for split in SPLITS]
        moved = [summary.backward(evidence, name, split) for split in SPLITS]
        raw = [summary.raw_backward(evidence, name, split) for split in SPLITS]
        ahead = [summary.forward(evidence, name, split) for split in SPLITS]
        reach = [summary.average(evidence, name, split, "recall") for split in SPLITS]
        rows.append(
            (
                name,
                level_between(both[0]),
                level_between(both[1]),
                *over,
                points(moved[0]),
                points(moved[1]),
                _pair(*(NONE if one is None else f"{100 * one.value:+.1f}" for one in raw)),
                _pair(*map(level, ahead)),
                _pair(*map(level, reach)),
                percent(counted.parameter_share(system)),
                count(counted.cost(system)),
            )
        )
    return Table(
        "Systems",
        "AP: mean of the last row. BWT: against the frozen encoder on the same index; raw BWT"
        " without it. Where two figures share a cell, the second is `test_seen`. Parameters: of all"
        " experts together, as a share of the encoder's. CPU seconds: all nights, search apart.",
        (
            "system",
            "AP `test`",
            "AP `test_seen`",
            "over frozen, `test`",
            "over frozen, `test_seen`",
            "BWT `test`",
            "BWT `test_seen`",
            "raw BWT",
            "FWT",
            "R@100",
            "parameters",
            "CPU seconds",
        ),
        tuple(rows),
    )


def _pair(test: str, seen: str) -> str:
    return f"{test} / {seen}"


def _over_frozen(evidence: Evidence, system: str, split: str) -> str:
    return NONE if system == FROZEN else points(summary.gain(evidence, system, FROZEN, split))


def about(evidence: Evidence) -> Table:
    """What each system is."""
    rows = [
        (name, str(system.get("about", NONE)), ", ".join(map(str, system["seeds"])))
        for name, system in evidence.results.systems.items()
    ]
    return Table("What was run", "", ("system", "what it is", "seeds"), tuple(rows))


def domains(evidence: Evidence, split: str) -> Table:
    """A row per domain: the frozen score, and what each other system adds to it."""
    shown = _shown(evidence)
    last = evidence.results.last
    by_system = {name: summary.gains(evidence, name, FROZEN, split) for name in shown}
    learned = counted.with_expert(evidence.results)
    rows = []
    for domain in summary.domains(evidence, split):
        cell = evidence.draws.cell(FROZEN, last, domain, split)
        rows.append(
            (
                f"{domain} *" if domain in learned else domain,
                count(evidence.draws.queries(last, domain, split)),
                NONE if cell is None else f"{100 * cell[0]:.1f}",
                *(points(by_system[name].get(domain)) for name in shown),
            )
        )
    mean = [points(summary.gain(evidence, name, FROZEN, split)) for name in shown]
    rows.append(("mean", "", level(summary.average(evidence, FROZEN, split)), *mean))
    if learned:
        among = [points(summary.gain(evidence, one, FROZEN, split, learned)) for one in shown]
        before = summary.average(evidence, FROZEN, split, among=learned)
        rows.append(("mean of *", "", level(before), *among))
    return Table(
        f"Domains, `{split}`",
        "The frozen encoder's score, and the gain over it. * has an expert in most seeds.",
        ("domain", "queries", FROZEN, *shown),
        tuple(rows),
    )


def _shown(evidence: Evidence) -> list[str]:
    """The floors and the rows that are shipped, where they were run; else every system."""
    there = [one for one in evidence.results.systems if one != FROZEN]
    first = [one for one in (OURS, DENSE, LEXICAL, FUSION) if one in there]
    return first or there


def differences(evidence: Evidence) -> Table:
    """Our rows against every other system, paired by query."""
    pairs = [
        (ours, other)
        for ours in (OURS, DENSE)
        for other in evidence.results.systems
        if ours in evidence.results.systems and other not in (OURS, DENSE)
    ]
    rows = []
    for ours, other in pairs:
        found = [summary.gain(evidence, ours, other, split) for split in SPLITS]
        told = (text for one in found for text in (points(one), chance(one)))
        rows.append((f"{ours} - {other}", *told))
    return Table(
        "Differences",
        "Mean over all domains, paired bootstrap over queries, two-sided p.",
        ("difference", "`test`", "p", "`test_seen`", "p"),
        tuple(rows),
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


def goals(evidence: Evidence) -> Table:
    """A row per goal: the figure, and met, not met or not measured."""
    rows = [(sentence, verdict.figure, verdict.word) for sentence, verdict in judged(evidence)]
    return Table("Goals", "", ("goal", "figure", "verdict"), tuple(rows))


def detectors(evidence: Evidence) -> Table:
    """A row per detector: AUROC by domain, rates on splits, nights with an alarm."""
    page = evidence.results.page.get("detectors") or {}
    auroc, splits, nights = (page.get(one) or {} for one in ("auroc", "splits", "nights"))
    names = list(
        dict.fromkeys([*auroc, *splits, *(name for one in nights.values() for name in one)])
    )
    new = list(dict.fromkeys(domain for by_domain in auroc.values() for domain in by_domain))
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
        "AUROC per document, by domain left out; false alarms on splits of known text, misses on"
        " domains left out; nights that were called new.",
        ("detector", "AUROC, mean", *new, "false alarms", "misses", "alarms"),
        tuple(rows),
    )


def _rate(tally: dict[str, float], rate: str, number: str) -> str:
    if tally.get(rate) is None:
        return NONE
    return f"{percent(tally[rate])} of {count(tally.get(number))}"


def origin(evidence: Evidence) -> Table:
    """Stream, profile, seeds, versions, machine: what it takes to make the figures again."""
    results = evidence.results
    told = {
        "command": results.command,
        "stream": results.page["stream"],
        "profile": results.page["profile"],
        "seeds": ", ".join(f"{name} {one['seeds']}" for name, one in results.systems.items()),
        **{f"machine: {key}": value for key, value in (results.page.get("machine") or {}).items()},
        **{f"version: {key}": value for key, value in results.page.get("versions", {}).items()},
    }
    rows = tuple((key, str(value)) for key, value in told.items())
    return Table("How it was made", "", ("what", "value"), rows)


def tables(evidence: Evidence) -> list[Table]:
    """All tables that have something to say, in the order of reading."""
    every = [
        systems(evidence),
        goals(evidence),
        *(domains(evidence, split) for split in SPLITS if FROZEN in evidence.results.systems),
        differences(evidence),
        decisions(evidence),
        detectors(evidence),
        about(evidence),
        origin(evidence),
    ]
    return [table for table in every if table.rows]
