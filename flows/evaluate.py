"""Asking judged queries of a version, as users would, and measuring the answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.live import Live
from nightshift.errors import BatchError
from pipeline.gains import Gains
from pipeline.judged import read_judged
from pipeline.measures import DEPTH, Scores, per_query
from pipeline.progress import Progress, silent
from pipeline.retriever import Leg

ASKED_AT_ONCE = 256


@dataclass(frozen=True)
class Evaluation:
    """Means with 95 % bootstrap intervals; `routes` counts queries by their heaviest route."""

    version: int
    leg: Leg
    queries: int
    dropped: int
    documents: int
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    routes: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        page = dict(vars(self))
        return {**page, "intervals": {name: list(ends) for name, ends in self.intervals.items()}}


@dataclass(frozen=True)
class Asked:
    """Queries that have an answer among the live documents, with their answers' numbers."""

    texts: list[str]
    relevant: list[dict[int, int]]
    dropped: int

    def gains(self, values: Scores) -> Gains:
        """Values of these queries, which know what they are about."""
        return Gains.of(values, [frozenset(grades) for grades in self.relevant])


def evaluate(
    live: Live,
    folder: Path,
    *,
    split: str = "test",
    frozen: bool = False,
    leg: Leg | None = None,
    progress: Progress = silent,
) -> Evaluation:
    """Measure the queries of `folder` that have an answer among the live documents.

    Without a `leg`, as users are served; `frozen` alone is the dense floor. Where keyword search is
    off, both legs are the dense one, and are called so.
    """
    asked = _asked(live, folder, split)
    leg = leg or ("dense" if frozen else "both")
    if leg == "both" and not live.settings.lexical:
        leg = "dense"
    scores, routes = _ask(live, asked, frozen=frozen, leg=leg, progress=progress)
    return Evaluation(
        version=live.manifest.version,
        leg=leg,
        queries=len(asked.texts),
        dropped=asked.dropped,
        documents=len(live.library),
        metrics={name: float(values.mean()) for name, values in scores.items()},
        intervals={name: asked.gains(values).interval(0.95) for name, values in scores.items()},
        routes=dict(sorted(routes.items())),
    )


def gain(live: Live, folder: Path, split: str = "test", measure: str = "nDCG@10") -> dict[str, Any]:
    """What experts gain over the frozen encoder, the dense leg alone in both, paired by query."""
    asked = _asked(live, folder, split)
    learned, routes = _ask(live, asked, frozen=False, leg="dense", progress=silent)
    frozen, _ = _ask(live, asked, frozen=True, leg="dense", progress=silent)
    differences = asked.gains(learned[measure] - frozen[measure])
    return {
        "queries": len(asked.texts),
        "frozen": float(frozen[measure].mean()),
        "routed": float(learned[measure].mean()),
        "gain": differences.mean,
        "interval": list(differences.interval(0.95)),
        "routes": dict(sorted(routes.items())),
    }


def _asked(live: Live, folder: Path, split: str) -> Asked:
    judged = read_judged(folder, split)
    numbers = live.library.number_of
    pairs: list[tuple[str, dict[int, int]]] = []
    for query in judged:
        there = {numbers[key]: grade for key, grade in query.grades.items() if key in numbers}
        if there:
            pairs.append((query.text, there))
    if not pairs:
        raise BatchError(
            f"none of the {len(judged)} queries of {folder} ({split}) has its document here",
            hint=f"nightshift update {folder}",
        )
    texts, relevant = zip(*pairs, strict=True)
    return Asked(list(texts), list(relevant), len(judged) - len(pairs))


def _ask(
    live: Live, asked: Asked, *, frozen: bool, leg: Leg, progress: Progress
) -> tuple[dict[str, Scores], Counter[str]]:
    """Scores per query, and how many queries took which route."""
    found: list[list[int]] = []
    routes: Counter[str] = Counter()
    ask = live.retriever.ask_frozen if frozen else live.retriever.ask
    for start in range(0, len(asked.texts), ASKED_AT_ONCE):
        texts = asked.texts[start : start + ASKED_AT_ONCE]
        answers = ask(texts, DEPTH, leg=leg)
        found += [[hit.number for hit in hits] for hits in answers.found]
        routes.update(max(route, key=lambda name: route[name]) for route in answers.routes)
        progress("asking", start + len(texts), len(asked.texts))
    return per_query(asked.relevant, found), routes
