"""Made-up results of a quality run: no system was run, every score is written here by hand.

Two domains, three nights. `old` is there from the start, `new` comes on the second night with an
expert that gains; each domain has 100 test queries and 100 test_seen queries that all score alike,
so AP, BWT and FWT can be worked out in one's head.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa

from bench.quality.results import PAGE, SCORES, Results, read, write_scores

NIGHTS = ["bootstrap", "n01", "n02"]
QUERIES = 100
NOT_THERE = None
SCORES_OF: dict[str, dict[str, list[float | None]]] = {
    # After the bootstrap, n01, n02; the growing index costs the frozen encoder .02 a night.
    "frozen": {"old": [0.50, 0.48, 0.46], "new": [NOT_THERE, 0.30, 0.28]},
    "ours-dense": {"old": [0.50, 0.48, 0.46], "new": [NOT_THERE, 0.40, 0.36]},
    "ours": {"old": [0.55, 0.54, 0.53], "new": [NOT_THERE, 0.50, 0.48]},
    "one-lora": {"old": [0.50, 0.44, 0.36], "new": [NOT_THERE, 0.42, 0.40]},
    "joint-full-ft": {"old": [NOT_THERE, NOT_THERE, 0.50], "new": [NOT_THERE, NOT_THERE, 0.40]},
}
TWO_SEEDS = ("ours", "ours-dense")


def made_up(*left_out: str, detectors: bool = True) -> Results:
    """Results of all systems above but those left out."""
    systems = {name: table for name, table in SCORES_OF.items() if name not in left_out}
    page: dict[str, Any] = {
        "stream": "made up",
        "profile": "small",
        "versions": {"numpy": "2.0"},
        "machine": {"cpu": "none: these results are made up", "cores": 0},
        "nights": NIGHTS,
        "domains": ["old", "new"],
        "systems": {name: _system(name, table) for name, table in systems.items()},
    }
    if detectors:
        page["detectors"] = _detectors()
    return Results(page, pa.Table.from_pylist(list(_rows(systems))))


def made_up_folder(folder: Path, *left_out: str, **kinds: bool) -> Results:
    """The same in a folder, and read from it."""
    results = made_up(*left_out, **kinds)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PAGE).write_text(json.dumps(results.page), "utf-8")
    write_scores(results.scores, folder / SCORES)
    return read(folder)


def _seeds(name: str) -> list[int]:
    return [0, 1] if name in TWO_SEEDS else [0]


def _off(seed: int, seeds: int) -> float:
    """Two seeds lie .01 on either side of what is written above."""
    return 0.0 if seeds == 1 else (0.01 if seed else -0.01)


def _rows(systems: dict[str, dict[str, list[float | None]]]) -> Iterator[dict[str, Any]]:
    for name, table in systems.items():
        seeds = _seeds(name)
        for domain, scores in table.items():
            for night, score in zip(NIGHTS, scores, strict=True):
                if score is None:
                    continue
                for seed in seeds:
                    for split in ("test", "test_seen"):
                        for query in range(QUERIES):
                            yield {
                                "system": name,
                                "seed": seed,
                                "night": night,
                                "domain": domain,
                                "split": split,
                                "query": f"q{query}",
                                "ndcg": score + _off(seed, len(seeds)),
                                "recall": 0.9,
                            }


def _system(name: str, table: dict[str, list[float | None]]) -> dict[str, Any]:
    seeds = _seeds(name)
    cells: dict[str, dict[str, Any]] = {night: {} for night in NIGHTS}
    for domain, scores in table.items():
        for night, score in zip(NIGHTS, scores, strict=True):
            if score is not None:
                each = [score + _off(seed, len(seeds)) for seed in seeds]
                recall = [0.9] * len(seeds)
                cells[night][domain] = {
                    "nDCG@10": each,
                    "R@100": recall,
                    "seen nDCG@10": each,
                    "seen R@100": recall,
                }
    page: dict[str, Any] = {
        "about": f"{name}, made up",
        "seeds": seeds,
        "P": {night: row for night, row in cells.items() if row},
        "encoder_parameters": 1000,
        "expert_parameters": [15 if name.startswith("ours") else 0] * len(seeds),
        "cpu_seconds": {
            "encode": 10.0,
            "detect": 1.0,
            "train": 200.0 if name == "joint-full-ft" else 9.0,
            "gate": 0.0,
            "search": 5.0,
        },
    }
    if name.startswith("ours"):
        page |= {
            "outcomes": {"n01": [["spawn"]] * len(seeds), "n02": [["absorb"]] * len(seeds)},
            "accepted": {
                "bootstrap": [False] * 2,
                "n01": [True] * len(seeds),
                "n02": [True, False][: len(seeds)],
            },
            "experts": {"bootstrap": [0] * 2, "n01": [1] * 2, "n02": [1] * 2},
            "served": {"old": ["frozen"] * 2, "new": ["e1"] * 2},
            "drift": {"n01": [0.1, 0.6, 0.5], "n02": [0.05, 0.04, 0.06]},
        }
    return page


def _detectors() -> dict[str, Any]:
    return {
        "auroc": {"layers": {"new": 0.97}, "last-layer": {"new": 0.7}, "energy": {"new": 0.8}},
        "auroc_by_layer": {"new": [0.6, 0.99, 0.7]},
        "nights": {
            "n01": {
                "layers": {"score": 0.6, "alarm": True},
                "energy": {"score": 2.0, "alarm": True},
            },
            "n02": {"layers": {"score": 0.1, "alarm": False}},
        },
        "splits": {
            "layers": {"false_alarm": 0.004, "splits": 1000, "miss": 0.0, "novel": 9},
            "last-layer": {"false_alarm": 0.02, "splits": 1000, "miss": 0.5, "novel": 9},
        },
    }
