"""What a run of `nightshift bench quality` leaves: results.json, and each query's scores.

results.json holds P[t][d] per system and seed and everything else that was counted; scores.parquet
holds a row per system, seed, night, domain, split and query. A folder has both.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from nightshift.errors import NightshiftError

PAGE, SCORES = "results.json", "scores.parquet"
SPLITS = ("test", "test_seen")
"""`test`, the headline: documents that no training query names. `test_seen`: documents that one
does name; data may call queries so that are none, and these are in no table (NAMED)."""
KEYS = ("domain", "split", "night", "system", "query")
ABOUT = "about"
"""The document that a query is about; where there are several, the first."""
NAMED = "named"
"""Whether a training query names a document that the query is about."""
RUN = "nightshift bench quality --data DIR --stream FILE --out DIR"


@dataclass(frozen=True)
class Results:
    """One run: the page as it was written, and the scores of each query."""

    page: dict[str, Any]
    scores: pa.Table

    @property
    def systems(self) -> dict[str, dict[str, Any]]:
        return dict(self.page["systems"])

    @property
    def nights(self) -> list[str]:
        return list(self.page["nights"])

    @property
    def domains(self) -> list[str]:
        return list(self.page["domains"])

    @property
    def last(self) -> str:
        return self.nights[-1]

    @property
    def command(self) -> str:
        """What makes these results again."""
        told: str | None = self.page.get("command")
        return told or (
            f"nightshift bench quality --data DIR --stream {self.page['stream']}"
            f" --profile {self.page['profile']} --seeds {self.seeds}"
        )

    def processor(self, system: str) -> str:
        """On what a row's seconds were measured."""
        told = self.systems.get(system, {}).get("processor")
        return str(told or (self.page.get("machine") or {}).get("processor") or "")

    @property
    def seeds(self) -> int:
        return max((len(system["seeds"]) for system in self.systems.values()), default=0)


def read(folder: Path) -> Results:
    """The results that lie in a folder."""
    try:
        page = json.loads((folder / PAGE).read_text("utf-8"))
        scores = pq.read_table(folder / SCORES)
    except (OSError, ValueError) as error:
        message = f"{folder} holds no readable results: {error}"
        raise NightshiftError(message, hint=RUN) from error
    return Results(page, scores)


@dataclass(frozen=True)
class Aim:
    """What is known of a query beside its scores: the columns ABOUT and NAMED."""

    about: str
    named: bool


def with_aims(scores: pa.Table, aims: Mapping[str, Aim]) -> pa.Table:
    """The scores with what each query is about."""
    each = [aims[query] for query in scores["query"].to_pylist()]
    there = [name for name in (ABOUT, NAMED) if name in scores.column_names]
    bare = scores.drop_columns(there)
    bare = bare.append_column(ABOUT, pa.array([aim.about for aim in each], pa.string()))
    return bare.append_column(NAMED, pa.array([aim.named for aim in each], pa.bool_()))


def aims_of(scores: pa.Table) -> dict[str, Aim]:
    """What a table with both columns knows of its queries."""
    columns = (scores[name].to_pylist() for name in ("query", ABOUT, NAMED))
    return {query: Aim(about, named) for query, about, named in zip(*columns, strict=True)}


def write_page(page: Mapping[str, Any], path: Path) -> None:
    """On one line: lists of lists of figures are nothing to read as they stand."""
    path.write_text(json.dumps(page, allow_nan=False) + "\n", "utf-8")


def write_scores(scores: pa.Table, path: Path) -> None:
    """Small on disk: a query's scores on successive nights are alike, so they lie side by side."""
    order = ("domain", "split", "query", "system", "seed", "night")
    tidy = scores.sort_by([(name, "ascending") for name in order])
    pq.write_table(tidy, path, compression="zstd", compression_level=19)
