"""Systems that were asked the same, in pairs: means by domain, and what they differ by."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from bench.quality.domains import TEST
from bench.quality.resampling import Draws, Floats, estimate


def compared(
    scores: pa.Table, night: str, domains: Sequence[str], pairs: Sequence[tuple[str, str]]
) -> dict[str, Any]:
    """nDCG@10 on `test` after a night; intervals are those of the tables: paired, over documents
    with all their queries, 95 %.
    """
    draws = Draws(scores)

    def cells(system: str) -> list[Floats]:
        found = (draws.cell(system, night, domain, TEST) for domain in domains)
        return [cell for cell in found if cell is not None]

    def told(cell: Floats) -> list[float]:
        found = estimate(cell)
        return [found.value, found.low, found.high]

    def difference(one: str, other: str) -> dict[str, list[float]]:
        apart = [mine - theirs for mine, theirs in zip(cells(one), cells(other), strict=True)]
        by_domain = {domain: told(cell) for domain, cell in zip(domains, apart, strict=True)}
        return {**by_domain, "mean": told(np.mean(apart, axis=0))}

    systems = dict.fromkeys(scores["system"].to_pylist())
    return {
        "nDCG@10": {
            name: dict(zip(domains, (float(cell[0]) for cell in cells(name)), strict=True))
            for name in systems
        },
        "differences": {f"{one} - {other}": difference(one, other) for one, other in pairs},
    }
