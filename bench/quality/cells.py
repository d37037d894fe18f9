"""A cell: one system, one seed, one night. Kept as small files, so that a later run goes on."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

SCORES = pa.schema(
    [
        ("system", pa.string()),
        ("seed", pa.int64()),
        ("night", pa.string()),
        ("domain", pa.string()),
        ("split", pa.string()),
        ("query", pa.string()),
        ("ndcg", pa.float32()),
        ("recall", pa.float32()),
    ]
)


@dataclass(frozen=True)
class Cells:
    """Cells in a folder: `SYSTEM/SEED/NIGHT.json` with what was lived, `.parquet` with scores."""

    folder: Path

    def has(self, system: str, seed: int, night: str) -> bool:
        return self._file(system, seed, night, "json").exists()

    def put(
        self, system: str, seed: int, night: str, page: Mapping[str, Any], scores: pa.Table
    ) -> None:
        """Keep a cell; its JSON comes last and makes it count."""
        file = self._file(system, seed, night, "parquet")
        file.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(scores, file, compression="zstd")
        temporary = file.with_suffix(".tmp")
        temporary.write_text(json.dumps(page, indent=1) + "\n", "utf-8")
        os.replace(temporary, file.with_suffix(".json"))

    def page(self, system: str, seed: int, night: str) -> dict[str, Any]:
        page: dict[str, Any] = json.loads(self._file(system, seed, night, "json").read_text())
        return page

    def scores(self, system: str, seed: int, night: str) -> pa.Table:
        return pq.read_table(self._file(system, seed, night, "parquet"), schema=SCORES)

    def _file(self, system: str, seed: int, night: str, ending: str) -> Path:
        return self.folder / system / str(seed) / f"{night}.{ending}"
