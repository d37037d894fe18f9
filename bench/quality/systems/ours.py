"""nightshift itself: its own store and its own flows, night by night, as a user runs them."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.quality.cache import DOCUMENT, QUERY, CachedEncoder
from bench.quality.stream import BOOTSTRAP, Night
from bench.quality.systems.answering import Always, asking, names_found
from bench.quality.systems.base import STEPS, Lived, Search
from flows.bootstrap import bootstrap
from flows.live import Live, open_live
from flows.night import Night as Told
from flows.night import update
from flows.settings import Settings
from nightshift.errors import NothingToDo, StoreError
from pipeline.documents import REAL
from pipeline.retriever import Retriever
from pipeline.router import FROZEN
from state.store import Store

STEP_OF = {
    "ingest": "encode",
    "encode": "encode",
    "detect": "detect",
    "decide": "detect",
    "train": "train",
    "gate": "gate",
    "publish": "encode",
}


ABOUT = {
    "ours-nights": "nights alone, without keyword search and weekly rounds",
    "ours-no-gate": "nights alone, without keyword search; every expert that is learned goes live",
    "ours-no-labels": "without keyword search; no training query is ever handed over",
    "ours-both-sides": "without keyword search; experts that re-encode documents are tried too",
}


@dataclass
class Ours:
    """A store in `root`; `rows` are the ways of asking it that make a row of the tables."""

    root: Path
    encoder: CachedEncoder
    settings: Settings
    rows: Sequence[str] = ("ours",)
    labels: bool = True
    _live: Live | None = field(default=None, init=False)

    def live_through(self, night: Night, batch: Path) -> Lived:
        self.close()
        if not self.labels:
            batch = without_labels(batch)
        began, saved = time.process_time(), dict(self.encoder.saved_on)
        if night.name == BOOTSTRAP:
            shutil.rmtree(self.root, ignore_errors=True)
            told = bootstrap(self.root, [batch], settings=self.settings, loaded=self.encoder)
        else:
            told = self._night(batch)
        spared = {side: now - saved[side] for side, now in self.encoder.saved_on.items()}
        cpu = by_step(told, time.process_time() - began, spared)
        return lived(self.live, told, cpu)

    def _night(self, batch: Path) -> Told:
        try:
            [told] = update(
                Store.open(self.root), [batch], settings=self.settings, loaded=self.encoder
            )
        except NothingToDo:
            return Told(batch.name, None, (), {}, 0, {})
        return told

    def searches(self) -> Mapping[str, Search]:
        live = self.live
        ways = {
            "ours": asking(live.library, live.retriever, "both"),
            "ours-oracle": self._oracle,
        }
        return {row: ways.get(row) or asking(live.library, live.retriever) for row in self.rows}

    def resume(self, night: str, lived: Mapping[str, Any]) -> bool:
        try:
            version = Store.open(self.root).manifest().version
        except StoreError:
            return False
        return bool(version == lived["told"]["version"])

    def close(self) -> None:
        if self._live is not None:
            self._live.__exit__()
            self._live = None

    @property
    def live(self) -> Live:
        if self._live is None:
            store = Store.open(self.root)
            self._live = open_live(store, encoder=self.encoder, settings=self.settings)
        return self._live

    def _oracle(self, domain: str, queries: Sequence[str], k: int) -> list[list[str]]:
        retriever = self.live.retriever
        told = Retriever(
            retriever.encoder,
            retriever.experts,
            Always(expert=served(self.live).get(domain, FROZEN)),
            retriever.index,
            retriever.overlaid,
            composition=retriever.composition,
        )
        return names_found(self.live.library, told, queries, k)


def served(live: Live) -> dict[str, str]:
    """For each domain the expert (or FROZEN) of the kind that most of its real pairs belong to."""
    count: dict[str, Counter[str]] = {}
    for kind in live.modules.kinds.values():
        for pair in kind.questions.pairs:
            domain = pair.key[1].split("/")[0]
            weight = 1000 if pair.origin == REAL else 1
            count.setdefault(domain, Counter())[kind.expert or FROZEN] += weight
    return {domain: counts.most_common(1)[0][0] for domain, counts in count.items()}


def lived(live: Live, told: Told, cpu: Mapping[str, float]) -> Lived:
    """A night of the product as the benchmark tells it."""
    experts = sorted(set(live.modules.router.experts.values()))
    # Of the night's own version: weekly rounds may have published others since.
    facts = live.store.manifest(told.version).facts if told.version else {}
    detection = dict(facts.get("detection", {}))
    return Lived(
        outcomes=tuple(outcome.outcome for outcome in told.outcomes),
        experts=len(experts),
        expert_parameters=sum(live.modules.experts[name].parameters for name in experts),
        cpu_seconds=cpu,
        served=served(live),
        told={
            "version": live.manifest.version,
            "outcomes": [outcome.as_json() for outcome in told.outcomes],
            "detection": detection,
            "documents": told.documents,
            "encoded": told.encoded,
            "seconds": told.seconds,
        },
    )


def by_step(told: Told, spent: float, saved: Mapping[str, float]) -> dict[str, float]:
    """CPU seconds shared out as the wall seconds of the steps were; encodings that the cache had
    are charged as when they were made: queries, which a night hears to judge, to the gate."""
    cpu = dict.fromkeys(STEPS, 0.0)
    whole = sum(told.seconds.values()) or 1.0
    for step, seconds in told.seconds.items():
        cpu[STEP_OF[step]] += spent * seconds / whole
    cpu["encode"] += saved[DOCUMENT]
    cpu["gate"] += saved[QUERY]
    return cpu


def without_labels(batch: Path) -> Path:
    """The same batch without its queries."""
    bare = batch.with_name(f"{batch.name}-bare")
    bare.mkdir(exist_ok=True)
    shutil.copyfile(batch / "corpus.jsonl", bare / "corpus.jsonl")
    return bare


def settings_of(seed: int, **changes: Any) -> Settings:
    """The product's defaults, of another seed."""
    return replace(Settings(), seed=seed, **changes)


class Ungated(Settings):
    """Settings whose gate lets everything pass: a difference in nDCG@10 is never below -1.

    The product refuses such settings; a measurement of what the gate is worth needs them.
    """

    def __post_init__(self) -> None:
        object.__setattr__(self, "gate_margin", -2.0)
        object.__setattr__(self, "gate_tolerance", 2.0)
