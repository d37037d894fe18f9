"""What to do about a night: which documents belong together, and the smallest thing that serves.

    absorb   known text of a kind without an expert       reuse    a kind that an expert serves
    refine   an expert's kind has grown by half            spawn    new, and enough to learn from
    wait     new, but too little

`spawn` and `refine` are wishes here; the gate has the last word.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.clusters import (
    ALIKE,
    LEVEL,
    SMALLEST_CLUSTER,
    Rows,
    cut,
    join,
)
from pipeline.detector import NightTest, drift_by_layer, judge_night, stands_out
from pipeline.kinds import KindStatistics, Layers, spread
from pipeline.layers import Array
from pipeline.scratch import room

ENOUGH_DOCUMENTS = 100
GROWN = 1.5
FOREIGN, AT_HOME = 0.95, 0.8
"""A document more surprising than the one and less than the other belongs elsewhere."""
NEWCOMER = -1
"""Stands for the first of tonight's new kinds where known ones have numbers; -2 for the next."""


@dataclass(frozen=True)
class Findings:
    """A night as the layers see it: the test, and rows by kind (None: a kind not seen before).

    Rows from `night` on belong to the pool of documents that waited.
    """

    test: NightTest
    groups: tuple[tuple[str | None, Rows], ...]
    shares: Mapping[str, tuple[float, ...]]
    night: int
    drift: tuple[float, ...] = ()
    """`drift_by_layer` of the night."""


@dataclass(frozen=True)
class KindFacts:
    """What the decision needs to know of a kind."""

    name: str
    documents: int
    expert: str | None
    asked: int | None
    """Documents when an expert was last tried, if ever."""
    tried: int
    """Teaching pairs then."""


def look(
    features: Layers,
    groups: npt.NDArray[np.uint64],
    waiting: Layers,
    waiting_groups: npt.NDArray[np.uint64],
    known: Mapping[str, KindStatistics],
    false_alarms_per_year: float,
    seed: int,
) -> Findings:
    """Test the night; sort it into known kinds and, if something is new, into new ones."""
    night = len(features)
    statistics = list(known.values())
    distances = [kind.distances(features) for kind in statistics]
    drift = drift_by_layer(distances, statistics)
    surprises = np.stack(
        [kind.rank(far) for kind, far in zip(statistics, distances, strict=True)], axis=1
    )
    test = judge_night(surprises.min(axis=1), groups, statistics, false_alarms_per_year)
    if test.new and len(waiting):
        features = _after(features, waiting)
        groups = np.concatenate([groups, waiting_groups])
        surprises = np.stack([kind.surprise(features) for kind in statistics], axis=1)
    sorted_rows = _sort(features, groups, surprises, known, test.new, seed)
    shares = {
        name: tuple(
            float((surprises[:night, column] > level).sum()) / max(1, night)
            for level in test.shares
        )
        for column, name in enumerate(known)
    }
    return Findings(test, tuple(sorted_rows), shares, night, tuple(map(float, drift)))


def _after(features: Layers, waiting: Layers) -> Layers:
    both = room(
        (len(features) + len(waiting), *features.shape[1:]), np.result_type(features, waiting)
    )
    both[: len(features)], both[len(features) :] = features, waiting
    return both


def _sort(
    features: Layers,
    groups: npt.NDArray[np.uint64],
    surprises: Array,
    kinds: Mapping[str, KindStatistics],
    new: bool,
    seed: int,
) -> list[tuple[str | None, Rows]]:
    """Clusters of known kinds are put together by kind, the others joined where they are alike."""
    if not len(features):
        return []
    names, known = list(kinds), list(kinds.values())
    if not new and len(names) == 1:
        return [(names[0], np.arange(len(features)))]
    kind_of = np.full(len(features), NEWCOMER)
    strange: list[Rows] = []
    usual: list[Rows] = []
    clusters = cut(features, seed)
    for rows in clusters:
        (strange if new and stands_out(surprises[rows].min(axis=1)) else usual).append(rows)
    fresh = join(strange, features, groups)
    splinters = [rows for rows in fresh if _is_splinter(surprises[rows])]
    fresh = [rows for rows in fresh if not _is_splinter(surprises[rows])]
    for rows in [*usual, *splinters]:
        kind_of[rows] = _nearest(known, features[spread(rows)])
    kind_of = _drawn_in(fresh, [*usual, *splinters], kind_of, features, known)
    if len(clusters) == 1:
        kind_of = _strays_home(kind_of, surprises)
    homes = [(name, np.flatnonzero(kind_of == n)) for n, name in enumerate(names)]
    newcomers = [(None, np.flatnonzero(kind_of == NEWCOMER - n)) for n in range(len(fresh))]
    return [(name, rows) for name, rows in [*homes, *newcomers] if len(rows)]


def _is_splinter(surprises: Array) -> bool:
    """Whether a new kind is too small to learn from, and too near a known one to wait."""
    far = float((surprises.min(axis=1) > LEVEL).mean())
    return len(surprises) < ENOUGH_DOCUMENTS and far < ALIKE


def _drawn_in(
    fresh: Sequence[Rows],
    clusters: Sequence[Rows],
    kind_of: Rows,
    features: Layers,
    known: Sequence[KindStatistics],
) -> Rows:
    """Clusters that are nearer to a kind of tonight's than to the known one they went to join it.

    A part of a new kind may lie close enough to known text to pass for it by itself. Both centres
    are looked at through the known kind's covariances, as in linear discriminant analysis: a broad
    kind must not win by its breadth, nor a new one lose for its few documents.
    """
    settled = kind_of.copy()
    for number, rows in enumerate(fresh):
        settled[rows] = NEWCOMER - number
    able = [n for n, rows in enumerate(fresh) if len(rows) >= SMALLEST_CLUSTER]
    centres = {n: features[spread(fresh[n])].mean(axis=0, dtype=np.float64) for n in able}
    for rows in clusters:
        if not centres:
            break
        home, few = known[kind_of[rows[0]]], features[spread(rows)]
        far = {n: _far(home, few - (centre - home.centre)) for n, centre in centres.items()}
        best = min(far, key=lambda n: far[n])
        if far[best] < _far(home, few):
            settled[rows] = NEWCOMER - best
    return settled


def _nearest(known: Sequence[KindStatistics], features: Layers) -> int:
    """The known kind whose centre is nearest, seen through the covariances of the largest kind.

    Surprise would prefer the broadest kind: it is surprised by nothing.
    """
    largest = max(known, key=lambda kind: kind.documents)
    return int(np.argmin([_far(largest, features - (k.centre - largest.centre)) for k in known]))


def homes(known: Sequence[KindStatistics], features: Layers) -> Rows:
    """For each document the known kind whose centre is nearest, seen as for whole clusters."""
    largest = max(known, key=lambda kind: kind.documents)
    far = [
        largest.novelty(largest.distances(features - (kind.centre - largest.centre)))
        for kind in known
    ]
    nearest: Rows = np.argmin(far, axis=0)
    return nearest


def _far(known: KindStatistics, features: Layers) -> float:
    return float(known.novelty(known.distances(features)).mean())


def _strays_home(kind_of: Rows, surprises: Array) -> Rows:
    """Documents of a night too small to be cut go where they are at home, one by one."""
    rows = np.flatnonzero(kind_of >= 0)
    foreign = surprises[rows, kind_of[rows]] > FOREIGN
    nearest = surprises.argmin(axis=1)
    home = surprises.min(axis=1)[rows] < AT_HOME
    settled = kind_of.copy()
    strays = rows[foreign & home]
    settled[strays] = nearest[strays]
    return settled


def wish(kind: KindFacts | None, documents: int, teaching: int) -> tuple[str, str]:
    """The outcome to aim for, and why; `documents` and `teaching` pairs include tonight's.

    >>> wish(None, 40, 40)
    ('wait', '40 documents of a new kind, 100 are needed to learn from')
    >>> wish(KindFacts("tv", 300, "e1", 200, 180), 400, 200)
    ('reuse', 'known text, served by e1')
    >>> wish(KindFacts("tv", 300, "e1", 200, 180), 600, 400)
    ('refine', '400 queries now, 180 when e1 was last tried')
    """
    if kind is None:
        if documents < ENOUGH_DOCUMENTS:
            needed = f"{ENOUGH_DOCUMENTS} are needed to learn from"
            return "wait", f"{documents} documents of a new kind, {needed}"
        return "spawn", f"{documents} documents of a new kind"
    if kind.expert is not None:
        if teaching >= GROWN * max(1, kind.tried):
            told = f"{teaching} queries now, {kind.tried} when {kind.expert} was last tried"
            return "refine", told
        return "reuse", f"known text, served by {kind.expert}"
    if kind.asked is not None and documents >= GROWN * kind.asked:
        return "spawn", f"{documents} documents now, {kind.asked} when an expert was last tried"
    return "absorb", "known text"
