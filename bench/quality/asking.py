"""Asking a system everything that may be asked after a night, and measuring the answers."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence

import pyarrow as pa

from bench.quality.cells import SCORES
from bench.quality.stream import Asked
from bench.quality.systems.base import Search
from pipeline.measures import DEPTH, per_query

AT_ONCE = 512


def ask(
    search: Search, system: str, seed: int, night: str, asked: Iterable[Asked]
) -> tuple[pa.Table, float]:
    """Scores of every query, and the CPU seconds of searching (measuring not counted)."""
    tables = []
    spent = 0.0
    for questions in asked:
        began = time.process_time()
        found: list[list[str]] = []
        for start in range(0, len(questions.texts), AT_ONCE):
            found += search(questions.domain, questions.texts[start : start + AT_ONCE], DEPTH)
        spent += time.process_time() - began
        tables.append(_table(system, seed, night, questions, found))
    return pa.concat_tables(tables) if tables else SCORES.empty_table(), spent


def _table(
    system: str, seed: int, night: str, asked: Asked, found: Sequence[Sequence[str]]
) -> pa.Table:
    names: dict[str, int] = {}

    def number(name: str) -> int:
        return names.setdefault(name, len(names))

    relevant = [{number(name): grade for name, grade in grades.items()} for grades in asked.grades]
    scores = per_query(relevant, [[number(name) for name in line] for line in found])
    count = len(asked.ids)
    columns = {
        "system": [system] * count,
        "seed": [seed] * count,
        "night": [night] * count,
        "domain": [asked.domain] * count,
        "split": [asked.split] * count,
        "query": list(asked.ids),
        "ndcg": scores["nDCG@10"].tolist(),
        "recall": scores["R@100"].tolist(),
    }
    return pa.table(columns, SCORES)
