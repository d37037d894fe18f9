"""Every system through the same nights, cell by cell; a run that was stopped goes on.

    for each system and seed:
        for each night:
            live through it, ask everything that may be asked, keep the cell

The floor comes first: systems that have no store of their own read its index.
"""

from __future__ import annotations

import json
import os
import resource
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from bench.quality.asking import ask
from bench.quality.cache import CachedEncoder
from bench.quality.cells import Cells
from bench.quality.clock import Clock
from bench.quality.code import state_of_code
from bench.quality.domains import read_domains
from bench.quality.machine import processor
from bench.quality.profiles import Profile
from bench.quality.stream import Night, Stream
from bench.quality.systems.base import System
from bench.quality.systems.entries import ENTRIES, Entry, Shared
from bench.quality.systems.frozen import FLOOR
from nightshift.errors import UsageError
from pipeline.checkpoint import locate

CELLS, WORK, RUN, LIVED = "cells", "work", "run.json", "lived.json"
Say = Callable[[str], None]


@dataclass(frozen=True)
class Course:
    """One system with one seed, and the nights it lives through."""

    system: str
    entry: Entry
    seed: int
    nights: Sequence[Night]

    @property
    def told(self) -> str:
        return f"{self.system} seed {self.seed}"

    def measured(self, cells: Cells) -> int:
        """How many nights, from the first on, have all their cells."""
        for count, night in enumerate(self.nights):
            if not all(cells.has(row, self.seed, night.name) for row in self.entry.rows):
                return count
        return len(self.nights)


@dataclass(frozen=True)
class Run:
    """A plan, and the folder where its cells and its work lie."""

    data: Path
    stream: Stream
    profile: Profile
    out: Path
    encoder: CachedEncoder

    @property
    def cells(self) -> Cells:
        return Cells(self.out / CELLS)

    @property
    def shared(self) -> Shared:
        return Shared(self.out / WORK, self.encoder, self.cells)


def prepare(data: Path, stream: Stream, profile: Profile, out: Path, encoder: str | None) -> Run:
    """A run whose folder fits it; cells of other data would not belong beside its own."""
    missing = [name for name in stream.domains if not (data / name / "corpus.jsonl").is_file()]
    if missing:
        raise UsageError(
            f"{data} has no domain {missing[0]}, which {stream.name} speaks of",
            hint=f"ls {data}: a domain is a folder with corpus.jsonl, queries.jsonl and qrels",
        )
    loaded = CachedEncoder(locate(encoder), out / WORK / "encodings")
    page = {
        "stream": stream.digest,
        "share": profile.share,
        "encoder": loaded.fingerprint,
        "data": {name: (data / name / "corpus.jsonl").stat().st_size for name in stream.domains},
    }
    file = out / RUN
    if file.exists() and json.loads(file.read_text("utf-8")) != page:
        raise UsageError(
            f"{out} holds cells of another stream, other data or another encoder",
            hint="--out A_NEW_FOLDER",
        )
    _write(file, page)
    return Run(data, stream, profile, out, loaded)


def measure(run: Run, say: Say) -> None:
    """Every cell that is not there yet."""
    domains = read_domains(run.data, run.stream.domains, run.profile.share)
    courses = _courses(run.profile, list(run.stream.nights(domains)))
    clock = Clock(run.cells, [(c.system, c.entry.rows, c.seed, c.nights) for c in courses])
    for course in courses:
        others = [one for one in courses if one.system != FLOOR]
        needed = course.system == FLOOR and any(
            one.measured(run.cells) < len(one.nights) for one in others
        )
        if needed or course.measured(run.cells) < len(course.nights):
            _live(run, course, clock, say)


def _courses(profile: Profile, nights: Sequence[Night]) -> list[Course]:
    """The floor's comes first; joint systems have one night, which brings the pairs of all."""
    systems = [FLOOR, *(system for system in profile.systems if system != FLOOR)]
    joint = (joined(nights),)
    return [
        Course(system, entry, seed, joint if entry.joint else nights)
        for system in systems
        for entry in [ENTRIES[system]]
        for seed in profile.seeds_of(system)
    ]


def joined(nights: Sequence[Night]) -> Night:
    """The last night as if it had brought every training pair so far."""
    pairs = tuple(pair for night in nights for pair in night.pairs)
    return replace(nights[-1], pairs=pairs, joins=tuple(night.name for night in nights))


def _live(run: Run, course: Course, clock: Clock, say: Say) -> None:
    """A course from where its cells end, or from the first night where too little is left."""
    system = course.entry.make(
        run.shared, run.shared.folder(course.system, course.seed), course.seed
    )
    try:
        for night, page in _pages(run, course, system):
            if page is None:
                page = _lived(run, course, system, night)
            began = time.monotonic()
            for row, search in system.searches().items():
                saved = run.encoder.saved
                scores, spent = ask(search, row, course.seed, night.name, night.asked)
                searching = spent + run.encoder.saved - saved
                spent_seconds = {**page["cpu_seconds"], "search": searching}
                wall = page["wall_seconds"] + time.monotonic() - began
                cell = {**page, "cpu_seconds": spent_seconds, "wall_seconds": wall}
                run.cells.put(row, course.seed, night.name, cell, scores)
            say(clock.line(course.told, night.name, page))
    finally:
        system.close()
        run.encoder.forget()


def _pages(
    run: Run, course: Course, system: System
) -> Iterator[tuple[Night, dict[str, Any] | None]]:
    """The nights to come; the first may have been lived already, and only be asked about."""
    done = course.measured(run.cells)
    page = _last_lived(run, course)
    start = 0
    if page is not None:
        place = next((n for n, one in enumerate(course.nights) if one.name == page["night"]), -1)
        # Lived, but killed before all was asked: place == done.
        if place in (done - 1, done) and system.resume(page["night"], page):
            start = place + 1
            if place == done:
                yield course.nights[place], page
    for night in course.nights[start:]:
        yield night, None


def _lived(run: Run, course: Course, system: System, night: Night) -> dict[str, Any]:
    batch = _delivered(run, night)
    began = time.monotonic()
    lived = system.live_through(night, batch)
    page = {
        "night": night.name,
        "code": state_of_code(),
        **lived.as_json(),
        "processor": processor(),
        "wall_seconds": time.monotonic() - began,
        "peak_megabytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024,
    }
    _write(_lived_file(run, course), page)
    return page


def _delivered(run: Run, night: Night) -> Path:
    """The night's batch, written once for all systems: two runs may share the folder."""
    batch = run.out / WORK / "batches" / ("joined" if night.joins else "") / night.name
    if not batch.exists():
        half = night.write(batch.with_name(f".{night.name}-{os.getpid()}"))
        try:
            half.rename(batch)
        except OSError:
            shutil.rmtree(half)
    return batch


def _last_lived(run: Run, course: Course) -> dict[str, Any] | None:
    file = _lived_file(run, course)
    return dict(json.loads(file.read_text("utf-8"))) if file.exists() else None


def _lived_file(run: Run, course: Course) -> Path:
    return run.shared.folder(course.system, course.seed) / LIVED


def _write(file: Path, page: Any) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(f".{os.getpid()}.tmp")
    temporary.write_text(json.dumps(page, indent=1) + "\n", "utf-8")
    os.replace(temporary, file)
