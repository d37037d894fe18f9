"""Compaction: neighbouring segments that are small or half dead become one.

A night adds a segment however little arrived, and every search looks into all of them. Documents
keep their order and vectors their bytes, so an exact search answers as before, to the last bit; a
segment that grows past `pipeline.index.SMALL` is searched as the settings say for large ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from flows.live import SEGMENT, TOMBSTONES, open_live, read_library, save_dead
from flows.publication import publish, quiet_facts
from nightshift.errors import NothingToDo
from pipeline.chosen import Chosen, Joined
from pipeline.index import EXACT, Mask
from pipeline.library import Library
from pipeline.scratch import room
from pipeline.segment import Segment, write_segment
from state.store import Store

SMALL = 50_000
"""A segment of fewer passages is small."""
DEAD = 0.2
"""A segment of which more is dead is worth writing anew."""


@dataclass(frozen=True)
class Compaction:
    """What a compaction led to; `segments` before and after, and the dead rows left behind."""

    version: int
    segments: tuple[int, int]
    merged: int
    dropped: int

    def as_json(self) -> dict[str, Any]:
        before, after = self.segments
        return {**vars(self), "segments": {"before": before, "after": after}}


def compact(store: Store) -> Compaction:
    """Publish a version with the same documents in fewer segments; NothingToDo if none is worth it.

    The old segments stay for rollbacks until gc takes them.
    """
    with store.writing(), open_live(store) as live:
        library, before = live.library, live.manifest.index
        runs = worth_merging(library)
        if not runs:
            raise NothingToDo("no segments are worth merging", hint="nightshift history")
        index, dead = merge(store, before, library, runs)
        index[TOMBSTONES] = store.objects.put(lambda folder: save_dead(dead, folder))
        if live.settings.index != EXACT:
            # Larger segments are searched in another way: a version must be one that opens.
            read_library(store, index).index(live.settings.index, store.root / "cache")
        kept = sum(len(rows) for rows in dead.values())
        dropped = sum(len(rows) for rows in library.dead.values()) - kept
        merged = sum(len(run) for run in runs)
        counts = (len(library.segments), len(index) - 1)
        published = publish(
            store,
            live.manifest,
            kind="compact",
            reason=f"{merged} of {counts[0]} segments merged, {dropped} dead documents dropped",
            encoder=live.manifest.encoder,
            index=index,
            modules=live.manifest.modules,
            facts={
                **quiet_facts(live.manifest),
                "compact": {"segments": list(counts), "dropped": dropped},
            },
        )
        return Compaction(published.version, counts, merged, dropped)


def worth_merging(library: Library) -> list[list[str]]:
    """Runs of neighbours that are small or too dead; a run of one only if it is too dead."""
    runs = [
        list(run)
        for worth, run in groupby(library.segments, lambda name: _is_worth(library, name))
        if worth
    ]
    return [run for run in runs if len(run) > 1 or _share_dead(library, run[0]) > DEAD]


def merge(
    store: Store, before: Mapping[str, str], library: Library, runs: Sequence[Sequence[str]]
) -> tuple[dict[str, str], dict[str, frozenset[int]]]:
    """The index with each run as one segment under its first one's name; the rows still dead."""
    index = {name: id_ for name, id_ in before.items() if name.startswith(SEGMENT)}
    name_of = {id_: name for name, id_ in index.items()}
    dead = {name: rows for name, rows in library.dead.items() if rows}
    for run in runs:
        for id_ in run:
            del index[name_of[id_]]
            dead.pop(id_, None)
        parts = [(library.segments[id_], library.dead[id_]) for id_ in run]
        index[name_of[run[0]]] = store.objects.put(partial(_write, parts))
    return index, dead


def _write(parts: Sequence[tuple[Segment, frozenset[int]]], folder: Path) -> None:
    """The live rows of all parts, in order, as one segment."""
    alive = [_alive(part, dead) for part, dead in parts]
    live = np.flatnonzero(np.concatenate(alive))
    write_segment(
        folder,
        Chosen(Joined([part.documents for part, _ in parts]), live),
        [
            part.passages(row)
            for (part, _), here in zip(parts, alive, strict=True)
            for row in np.flatnonzero(here).tolist()
        ],
        _kept(
            [part.vectors for part, _ in parts],
            [
                np.repeat(here, np.diff(part.first))
                for (part, _), here in zip(parts, alive, strict=True)
            ],
        ),
        _kept([part.layers for part, _ in parts], alive),
    )


def _alive(segment: Segment, dead: frozenset[int]) -> Mask:
    alive = np.ones(len(segment.keys), bool)
    alive[list(dead)] = False
    return alive


def _kept(arrays: Sequence[npt.NDArray[Any]], masks: Sequence[Mask]) -> npt.NDArray[Any]:
    """The rows of all arrays that their masks keep, one array after the other."""
    kept = room((sum(int(mask.sum()) for mask in masks), *arrays[0].shape[1:]), arrays[0].dtype)
    end = 0
    for array, mask in zip(arrays, masks, strict=True):
        start, end = end, end + int(mask.sum())
        kept[start:end] = array[mask]
    return kept


def _is_worth(library: Library, name: str) -> bool:
    return len(library.segments[name].vectors) < SMALL or _share_dead(library, name) > DEAD


def _share_dead(library: Library, name: str) -> float:
    return len(library.dead[name]) / max(1, len(library.segments[name].keys))
