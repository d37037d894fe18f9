"""One bootstrap for every figure: all cells are resampled together, the rest is arithmetic.

The documents that a domain's queries of a split are about are resampled, each with all its queries,
since these rise and fall together; with the same draws for every system and night, so differences
are paired. A *cell* is the mean of a system on a domain after a night: an array whose
first number is the mean as measured and whose others are the means under RESAMPLES resamples.
Seeds of a system are averaged per query first. Sums, differences and means over domains of cells
are cells again, and `estimate` reads value, interval and p-value off any of them.
"""

from __future__ import annotations

import zlib
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from bench.quality.results import ABOUT, KEYS, NAMED
from nightshift.errors import NightshiftError

RESAMPLES = 2000
CONFIDENCE = 0.95
UNNAMED = "test_seen, unnamed"
"""Queries that the data call seen though no training query names what they are about."""

Floats = npt.NDArray[np.float64]
Measure = Literal["ndcg", "recall"]
Column = tuple[str, str]
"""A night and a system."""


@dataclass(frozen=True)
class Estimate:
    """A value, its 95 % interval, and the two-sided p-value of its being zero."""

    value: float
    low: float
    high: float
    p: float

    @property
    def above(self) -> bool:
        """The whole interval lies above zero."""
        return self.low > 0

    @property
    def below(self) -> bool:
        """The whole interval lies below zero."""
        return self.high < 0


def estimate(cell: Floats) -> Estimate:
    """Percentile interval, and twice the smaller share of resamples on either side of zero.

    >>> estimate(np.array([0.5, 0.4, 0.6, 0.5])).value
    0.5
    """
    drawn = cell[1:][~np.isnan(cell[1:])]
    tail = (1 - CONFIDENCE) / 2
    low, high = np.quantile(drawn, [tail, 1 - tail])
    beyond = min(np.count_nonzero(drawn <= 0), np.count_nonzero(drawn >= 0))
    p = min(1.0, 2 * (1 + beyond) / (1 + len(drawn)))
    return Estimate(float(cell[0]), float(low), float(high), float(p))


@dataclass(frozen=True)
class Group:
    """The queries of a domain and split: a row each, a column per night and system. `about` numbers
    the document that each is about.
    """

    columns: dict[Column, int]
    about: npt.NDArray[np.int64]
    ndcg: Floats
    recall: Floats
    """NaN where a query had not arrived yet."""

    def asked(self, night: str) -> npt.NDArray[np.bool_]:
        """Of each query whether it was asked after that night; all systems are asked the same."""
        columns = [column for (at, _), column in self.columns.items() if at == night]
        if not columns:
            return np.zeros(len(self.about), bool)
        there: npt.NDArray[np.bool_] = ~np.isnan(self.ndcg[:, columns[0]])
        return there


@dataclass
class Draws:
    """All cells of a run, resampled when they are first asked for."""

    scores: pa.Table
    seed: int = 0
    _groups: dict[tuple[str, str], Group] = field(init=False)
    _cells: dict[tuple[str, str, Measure, tuple[str, ...]], Floats] = field(
        init=False, default_factory=dict
    )

    def __post_init__(self) -> None:
        self._groups = _grouped(self.scores)

    def cell(
        self,
        system: str,
        night: str,
        domain: str,
        split: str,
        measure: Measure = "ndcg",
        nights: tuple[str, ...] = (),
    ) -> Floats | None:
        """None where the system was not measured on that domain after that night. With `nights`,
        of the queries alone that were asked after each of them.
        """
        group = self._groups.get((domain, split))
        if group is None or (night, system) not in group.columns:
            return None
        key = (domain, split, measure, nights)
        if key not in self._cells:
            weights = _weights(group.about, zlib.crc32(f"{domain}/{split}".encode()), self.seed)
            rows = np.ones(len(group.about), bool)
            for one in nights:
                rows &= group.asked(one)
            self._cells[key] = _means(getattr(group, measure)[rows], weights[:, rows])
        return self._cells[key][:, group.columns[night, system]]

    def queries(self, night: str, domain: str, split: str) -> int:
        """How many queries were asked of that domain after that night."""
        group = self._groups.get((domain, split))
        return 0 if group is None else int(np.count_nonzero(group.asked(night)))


def _grouped(scores: pa.Table) -> dict[tuple[str, str], Group]:
    if ABOUT not in scores.column_names:  # every query is about a document of its own
        scores = scores.append_column(ABOUT, scores["query"])
    if NAMED in scores.column_names:
        strange = pc.and_(pc.equal(scores["split"], "test_seen"), pc.invert(scores[NAMED]))
        split = pc.if_else(strange, UNNAMED, scores["split"])
        scores = scores.set_column(scores.column_names.index("split"), "split", split)
    means = scores.group_by(list(KEYS), use_threads=False).aggregate(
        [("ndcg", "mean"), ("recall", "mean"), (ABOUT, "min")]
    )
    documents = np.unique(means[f"{ABOUT}_min"].to_numpy().astype(str), return_inverse=True)[1]
    values = {name: means[name].to_numpy() for name in ("ndcg_mean", "recall_mean")}
    names, codes = {}, {}
    for key in KEYS:
        found = means[key].to_numpy()
        names[key], codes[key] = np.unique(found.astype(str), return_inverse=True)
    together = codes["domain"] * len(names["split"]) + codes["split"]
    groups = {}
    for code in np.unique(together):
        of = np.flatnonzero(together == code)
        domain, split = (str(names[key][codes[key][of[0]]]) for key in ("domain", "split"))
        width = len(names["system"])
        column = codes["night"][of] * width + codes["system"][of]
        kept, column = np.unique(column, return_inverse=True)
        rows, first, row = np.unique(codes["query"][of], return_index=True, return_inverse=True)
        tables = np.full((2, len(rows), len(kept)), np.nan)
        for table, name in zip(tables, values, strict=True):
            table[row, column] = values[name][of]
        columns = {
            (str(names["night"][one // width]), str(names["system"][one % width])): place
            for place, one in enumerate(kept)
        }
        _same_queries(columns, tables[0], f"{domain}, {split}")
        about = np.unique(documents[of][first], return_inverse=True)[1]
        groups[domain, split] = Group(columns, about, tables[0], tables[1])
    return groups


def _same_queries(columns: dict[Column, int], table: Floats, where: str) -> None:
    """Differences are paired, so systems must have answered the same queries."""
    asked = ~np.isnan(table)
    first: dict[str, int] = {}
    for (night, system), place in columns.items():
        other = first.setdefault(night, place)
        if (asked[:, place] != asked[:, other]).any():
            raise NightshiftError(
                f"after {night} {system} did not answer the queries of {where} that others did",
                hint="nightshift bench quality, to measure that system again",
            )


def _weights(about: npt.NDArray[np.int64], group: int, seed: int) -> Floats:
    """How often each query counts: once in the first row, in the others as often as its document
    was drawn."""
    documents = int(about.max(initial=-1)) + 1
    random = np.random.default_rng([seed, group])
    drawn = random.integers(documents, size=(RESAMPLES, documents))
    drawn += np.arange(RESAMPLES)[:, None] * documents
    counts = np.bincount(drawn.ravel(), minlength=RESAMPLES * documents)
    counts = counts.reshape(RESAMPLES, documents)[:, about]
    return np.vstack([np.ones(len(about)), counts])


def _means(table: Floats, weights: Floats) -> Floats:
    asked = ~np.isnan(table)
    counts = weights @ asked
    means = np.full(counts.shape, np.nan)
    np.divide(weights @ np.where(asked, table, 0.0), counts, out=means, where=counts > 0)
    return means
