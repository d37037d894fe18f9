"""Asking judged queries of a version, as users would, and measuring the answers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.live import Live
from nightshift.errors import BatchError
from pipeline.judged import read_judged
from pipeline.measures import DEPTH, interval, per_query
from pipeline.progress import Progress, silent

ASKED_AT_ONCE = 256


@dataclass(frozen=True)
class Evaluation:
    """Means with 95 % bootstrap intervals; `routes` counts queries by their heaviest route."""

    version: int
    queries: int
    dropped: int
    documents: int
    metrics: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    routes: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        page = dict(vars(self))
        return {**page, "intervals": {name: list(ends) for name, ends in self.intervals.items()}}


def evaluate(
    live: Live,
    folder: Path,
    *,
    split: str = "test",
    frozen: bool = False,
    progress: Progress = silent,
) -> Evaluation:
    """Measure the queries of `folder` that have an answer among the live documents."""
    judged = read_judged(folder, split)
    numbers = live.library.number_of
    asked: list[tuple[str, dict[int, int]]] = []
    for query in judged:
        there = {numbers[key]: grade for key, grade in query.grades.items() if key in numbers}
        if there:
            asked.append((query.text, there))
    if not asked:
        raise BatchError(
            f"none of the {len(judged)} queries of {folder} ({split}) has its document here",
            hint=f"nightshift update {folder}",
        )
    found: list[list[int]] = []
    routes: Counter[str] = Counter()
    for start in range(0, len(asked), ASKED_AT_ONCE):
        texts = [text for text, _ in asked[start : start + ASKED_AT_ONCE]]
        ask = live.retriever.ask_frozen if frozen else live.retriever.ask
        answers = ask(texts, DEPTH)
        found += [[hit.number for hit in hits] for hits in answers.found]
        routes.update(max(route, key=lambda name: route[name]) for route in answers.routes)
        progress("asking", min(start + ASKED_AT_ONCE, len(asked)), len(asked))
    scores = per_query([relevant for _, relevant in asked], found)
    return Evaluation(
        version=live.manifest.version,
        queries=len(asked),
        dropped=len(judged) - len(asked),
        documents=len(live.library),
        metrics={name: float(values.mean()) for name, values in scores.items()},
        intervals={name: interval(values, 0.95) for name, values in scores.items()},
        routes=dict(sorted(routes.items())),
    )
