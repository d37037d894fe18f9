"""nightshift itself: its own store and its own flows, night by night, as a user runs them."""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from bench.quality.cache import CachedEncoder
from bench.quality.stream import BOOTSTRAP, Night
from bench.quality.systems.base import STEPS, Lived, Search
from flows.bootstrap import bootstrap
from flows.live import Live, open_live
from flows.night import Night as Told
from flows.night import update
from flows.settings import Settings
from nightshift.errors import NothingToDo
from pipeline.documents import REAL
from pipeline.retriever import Retriever
from pipeline.router import FROZEN, Route, Router
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
        began, saved = time.process_time(), self.encoder.saved
        if night.name == BOOTSTRAP:
            shutil.rmtree(self.root, ignore_errors=True)
            told = bootstrap(self.root, [batch], settings=self.settings, loaded=self.encoder)
        else:
            told = self._night(batch)
        cpu = by_step(told, time.process_time() - began, self.encoder.saved - saved)
        return lived(self.live, told, cpu)

    def _night(self, batch: Path) -> Told:
        try:
            [told] = update(Store.open(self.root), [batch], loaded=self.encoder)
        except NothingToDo:
            return Told(batch.name, None, (), {}, 0, {})
        return told

    def searches(self) -> Mapping[str, Search]:
        ways = {"ours": self._routed, "ours-oracle": self._oracle}
        return {row: ways["ours-oracle" if row.endswith("oracle") else "ours"] for row in self.rows}

    def resume(self, nights: Sequence[str]) -> bool:
        return (self.root / "HEAD").exists()

    def close(self) -> None:
        if self._live is not None:
            self._live.__exit__()
            self._live = None

    @property
    def live(self) -> Live:
        if self._live is None:
            self._live = open_live(Store.open(self.root), encoder=self.encoder)
        return self._live

    def _routed(self, domain: str, queries: Sequence[str], k: int) -> list[list[str]]:
        return names_found(self.live, self.live.retriever, queries, k)

    def _oracle(self, domain: str, queries: Sequence[str], k: int) -> list[list[str]]:
        retriever = self.live.retriever
        told = Retriever(
            retriever.encoder,
            retriever.experts,
            _Told(served(self.live).get(domain, FROZEN)),
            retriever.index,
            retriever.overlaid,
        )
        return names_found(self.live, told, queries, k)


class _Told(Router):
    """A router that was told where everything goes."""

    def __init__(self, expert: str) -> None:
        super().__init__()
        object.__setattr__(self, "expert", expert)

    def route(self, queries: Any) -> list[Route]:
        expert: str = self.expert  # type: ignore[attr-defined]
        return [{expert: 1.0} for _ in queries]


def names_found(
    live: Live, retriever: Retriever, queries: Sequence[str], k: int
) -> list[list[str]]:
    """The names of the documents found for each query."""
    name_of = {number: key[1] for key, number in live.library.number_of.items()}
    return [[name_of[hit.number] for hit in hits] for hits in retriever.ask(queries, k).found]


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
    detection = dict(live.manifest.facts.get("detection", {})) if told.version else {}
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


def by_step(told: Told, spent: float, saved: float) -> dict[str, float]:
    """CPU seconds shared out as the wall seconds of the steps were; encodings that the cache had
    are charged as when they were made."""
    cpu = dict.fromkeys(STEPS, 0.0)
    whole = sum(told.seconds.values()) or 1.0
    for step, seconds in told.seconds.items():
        cpu[STEP_OF[step]] += spent * seconds / whole
    cpu["encode"] += saved
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
