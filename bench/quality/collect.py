"""From cells to a run's results: results.json, and the scores of every query beside it."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa

from bench.quality.cells import SCORES, Cells
from bench.quality.domains import TEST, TEST_SEEN, TRAIN, Domain, read_domains
from bench.quality.machine import machine
from bench.quality.results import Aim, with_aims, write_page, write_scores
from bench.quality.run import Run
from bench.quality.stream import Stream, named
from bench.quality.systems.base import STEPS
from bench.quality.systems.entries import ABOUT
from flows.publication import library_facts

RESULTS, PER_QUERY, DETECTORS = "results.json", "scores.parquet", "detectors.json"
MEASURES = (
    ("nDCG@10", TEST, "ndcg"),
    ("R@100", TEST, "recall"),
    ("seen nDCG@10", TEST_SEEN, "ndcg"),
    ("seen R@100", TEST_SEEN, "recall"),
)


def collect(run: Run) -> None:
    """Write the results of all cells in the run's folder, whichever call measured them."""
    rows = [row for row in ABOUT if (run.cells.folder / row).is_dir()]
    detectors = run.cells.folder / DETECTORS
    systems = {row: _system(run, row) for row in rows}
    page = {
        "stream": run.stream.name,
        "profile": run.profile.name,
        "share": run.profile.share,
        "versions": library_facts(),
        "machine": machine(),
        "nights": [night.name for night in run.stream.planned],
        "domains": run.stream.domains,
        "systems": systems,
        "code": sorted({state for system in systems.values() for state in system["code"]}),
        "detectors": json.loads(detectors.read_text("utf-8")) if detectors.exists() else {},
    }
    domains = read_domains(run.data, run.stream.domains, run.profile.share)
    tables = [
        run.cells.scores(row, seed, night)
        for row in rows
        for seed in seeds_of(run.cells, row, run.stream)
        for night in nights_of(run.cells, row, run.stream)
    ]
    scores = pa.concat_tables([SCORES.empty_table(), *tables])
    write_scores(with_aims(scores, aims(domains)), run.out / PER_QUERY)
    temporary = run.out / "results.tmp"
    write_page(page, temporary)
    os.replace(temporary, run.out / RESULTS)


def aims(domains: Mapping[str, Domain]) -> dict[str, Aim]:
    """Query -> what it is about, as the stream names both."""
    found = {}
    for name, domain in domains.items():
        taught = {id_ for query in domain.queries.get(TRAIN, ()) for _, id_ in query.grades}
        for split in (TEST, TEST_SEEN):
            for query in domain.queries.get(split, ()):
                about = {id_ for _, id_ in query.grades}
                aim = Aim(named(name, min(about)), not about.isdisjoint(taught))
                found[named(name, query.id)] = aim
    return found


def seeds_of(cells: Cells, row: str, stream: Stream) -> list[int]:
    """The seeds that came to the last night; before any did, all of them."""
    seeds = sorted(int(folder.name) for folder in (cells.folder / row).iterdir())
    last = stream.planned[-1].name
    return [seed for seed in seeds if cells.has(row, seed, last)] or seeds


def nights_of(cells: Cells, row: str, stream: Stream) -> list[str]:
    """The nights of which every seed has a cell."""
    seeds = seeds_of(cells, row, stream)
    names = [night.name for night in stream.planned]
    return [name for name in names if all(cells.has(row, seed, name) for seed in seeds)]


def _system(run: Run, row: str) -> dict[str, Any]:
    """One row of the tables: what it reached, decided, grew and cost, seed by seed."""
    seeds = seeds_of(run.cells, row, run.stream)
    nights = nights_of(run.cells, row, run.stream)
    pages = {night: [run.cells.page(row, seed, night) for seed in seeds] for night in nights}
    last = pages[nights[-1]] if nights else []
    return {
        "about": ABOUT[row],
        "seeds": seeds,
        "code": sorted({page.get("code", "unknown") for n in nights for page in pages[n]}),
        "processor": " and ".join(
            sorted({p["processor"] for n in nights for p in pages[n] if "processor" in p})
        ),
        "P": {night: _quality(run.cells, row, seeds, night) for night in nights},
        "outcomes": {n: [list(page["outcomes"]) for page in pages[n]] for n in nights},
        "accepted": {
            night.name: [accepted(page["outcomes"], night.accept) for page in pages[night.name]]
            for night in run.stream.planned
            if night.name in pages and any(page["outcomes"] for page in last)
        },
        "experts": {n: [page["experts"] for page in pages[n]] for n in nights},
        "served": {
            domain: [page["served"][domain] for page in last]
            for domain in run.stream.domains
            if last and all(domain in page["served"] for page in last)
        },
        "drift": {
            night: page["told"]["detection"]["drift"]
            for night in nights
            for page in pages[night][:1]
            if page["told"].get("detection", {}).get("drift")
        },
        "expert_parameters": [page["expert_parameters"] for page in last],
        "encoder_parameters": run.encoder.parameter_count,
        "cpu_seconds": {
            step: _mean_sum([[page["cpu_seconds"][step] for page in pages[n]] for n in nights])
            for step in STEPS
        },
        "seconds": _mean_sum([[page["wall_seconds"] for page in pages[n]] for n in nights]),
        "peak_megabytes": max((p["peak_megabytes"] for n in nights for p in pages[n]), default=0),
    }


def accepted(outcomes: Sequence[str], accept: Iterable[frozenset[str]]) -> bool:
    """Whether a night's outcomes are one of the sets that count as right; with no set, any are.

    >>> accepted(["spawn", "reuse", "reuse"], [frozenset({"spawn", "reuse"})])
    True
    >>> accepted(["spawn"], [frozenset({"absorb"})]), accepted(["spawn"], [])
    (False, True)
    """
    sets = list(accept)
    return not sets or frozenset(outcomes) in sets


def _quality(
    cells: Cells, row: str, seeds: Sequence[int], night: str
) -> dict[str, dict[str, list[float]]]:
    """P[night]: for each domain each measure's mean over queries, one a seed."""
    found: dict[str, dict[str, list[float]]] = {}
    for seed in seeds:
        table = cells.scores(row, seed, night)
        means = table.group_by(["domain", "split"]).aggregate(
            [("ndcg", "mean"), ("recall", "mean")]
        )
        for line in means.to_pylist():
            for name, split, column in MEASURES:
                if line["split"] == split:
                    of_domain = found.setdefault(line["domain"], {})
                    of_domain.setdefault(name, []).append(line[f"{column}_mean"])
    return {domain: found[domain] for domain in sorted(found)}


def _mean_sum(nights: Sequence[Sequence[float]]) -> float:
    """The sum over nights, as the mean over seeds."""
    return sum(sum(night) / len(night) for night in nights)
