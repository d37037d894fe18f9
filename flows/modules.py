"""The module set of a version: what a rollback brings back, and what a night may add to.

registry          JSON: the informative layers, the kinds, the experts' facts, the lexical shares,
                  how experts are composed
router            prototypes and floor
pool              documents that wait, with their features
kind/K/...        statistics, birth (statistics when it was first seen), questions
expert/E          an adapter folder
head/E            what rewrites the documents of an expert's kind, if it has a head
overlay/E/N       those documents as its head or the expert itself sees them, a part a night
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from flows.layout import OVERLAY, REGISTRY, read_registry
from pipeline.documents import Key
from pipeline.encoder import Encoder
from pipeline.experts.base import Expert
from pipeline.experts.methods import METHODS
from pipeline.experts.tuned import Tuned
from pipeline.head import Head
from pipeline.kinds import KindStatistics, Layers
from pipeline.overlay import Overlay, Part, Scale
from pipeline.questions import Questions
from pipeline.router import Router
from state.store import Store

FEATURES = "features.npy"
BOTH = "-both"
"""Ends the method of an expert that has encoded its documents too."""
HEAD = "+head"
"""Ends the method of one with a head that rewrites vectors."""


@dataclass(frozen=True)
class Kind:
    """A kind of text that the system tells apart.

    `asked` is how many documents it had when an expert was last tried for it (None: never), and
    `tried` how many teaching pairs; from the first `taught` of them its expert has learned.
    """

    id: str
    name: str
    documents: int
    born: int
    statistics: KindStatistics
    birth: KindStatistics
    questions: Questions
    expert: str | None = None
    asked: int | None = None
    tried: int = 0
    taught: int = 0
    labels: tuple[str, ...] = ()
    """What the batches that it grew by said of themselves."""
    candidate: str | None = None
    """An expert that the gate accepted and that waits for a person's word."""

    def asking(self, questions: Questions) -> Kind:
        """The kind asked other questions; of what was tried and taught only what is left counts."""

        def left(count: int) -> int:
            before = set(self.questions.teaching.pairs[:count])
            return sum(pair in before for pair in questions.teaching.pairs)

        return replace(self, questions=questions, tried=left(self.tried), taught=left(self.taught))


@dataclass(frozen=True)
class ExpertFacts:
    """What is known of an expert besides its weights.

    An expert of both sides has a `scale`, by which its overlay's scores are read, and `reencoded`
    documents in that overlay when it was made.
    """

    name: str
    method: str
    kind: str
    parent: str | None
    born: int
    parameters: int
    queries: int
    seconds: float
    gate: Mapping[str, Any]
    scale: Sequence[float] | None = None
    reencoded: int = 0


@dataclass(frozen=True)
class Pool:
    """Documents that are new but too few to learn from, and what is asked about them."""

    keys: tuple[Key, ...]
    features: Layers
    groups: np.ndarray[Any, np.dtype[np.uint64]]
    questions: Questions

    @classmethod
    def empty(cls, layers: int, dimension: int) -> Pool:
        features = np.empty((0, layers, dimension), np.float16)
        return cls((), features, np.empty(0, np.uint64), Questions.none(dimension))

    def take(self, rows: list[int]) -> Pool:
        keys = tuple(self.keys[row] for row in rows)
        kept = set(keys)
        questions = self.questions.where(lambda pair: pair.key in kept)
        return Pool(keys, self.features[rows], self.groups[rows], questions)


@dataclass(frozen=True)
class Modules:
    """All that was learned. `layers` are the informative ones of the encoder's `auroc`."""

    layers: tuple[int, ...]
    auroc: tuple[float, ...]
    kinds: Mapping[str, Kind]
    experts: Mapping[str, ExpertFacts]
    router: Router
    pool: Pool
    shares: Mapping[str, float] = field(default_factory=dict)
    """How much words count for each kind; a version made before there
    was keyword search has none, which is the default for all."""
    compose: str = "halves"
    """How the experts on a query's route become one vector; they were taught for it."""
    stored: Mapping[str, str] = field(default_factory=dict)
    """Object ids of what was loaded, by module name; weights and overlays are only ever here."""

    @property
    def longest_group(self) -> int:
        """Documents of one title that belong together, at most, in any kind."""
        return max(kind.statistics.longest_group for kind in self.kinds.values())

    @property
    def serving(self) -> list[str]:
        """The experts that some kind is served by."""
        return sorted(set(self.router.experts.values()))

    @property
    def waiting(self) -> dict[str, Kind]:
        """The experts that wait for approval, and the kind that each is for."""
        return {kind.candidate: kind for kind in self.kinds.values() if kind.candidate}


def load_modules(store: Store, names: Mapping[str, str]) -> Modules:
    """The modules that a manifest names; every byte is checked on the way."""
    page = read_registry(store, names)
    folder = {name: store.objects.open(object_id) for name, object_id in names.items()}
    kinds = {
        id_: Kind(
            **{
                "tried": facts["taught"],  # one number, before refused revisions had their own
                **facts,
                "labels": tuple(facts.get("labels", ())),
            },
            statistics=KindStatistics.load(folder[f"kind/{id_}/statistics"]),
            birth=KindStatistics.load(folder[f"kind/{id_}/birth"]),
            questions=Questions.load(folder[f"kind/{id_}/questions"]),
        )
        for id_, facts in page["kinds"].items()
    }
    return Modules(
        tuple(page["layers"]),
        tuple(page["auroc"]),
        kinds,
        {name: ExpertFacts(**facts) for name, facts in page["experts"].items()},
        Router.load(folder["router"]),
        load_pool(folder["pool"]),
        page.get("shares", {}),
        page.get("compose", "halves"),
        dict(names),
    )


def save_modules(
    store: Store,
    modules: Modules,
    before: Modules | None,
    weights: Mapping[str, Expert],
    overlays: Mapping[str, Overlay] | None = None,
) -> dict[str, str]:
    """Put what changed since `before` into the store; names and object ids of the whole set.

    `weights` are the experts that are new, `overlays` those that are new or have grown.
    """
    names: dict[str, str] = {}
    for id_, kind in modules.kinds.items():
        old = before.kinds.get(id_) if before else None
        for part in ("statistics", "birth", "questions"):
            name, value = f"kind/{id_}/{part}", getattr(kind, part)
            if before and old and getattr(old, part) is value:
                names[name] = before.stored[name]
            else:
                names[name] = store.objects.put(value.save)
    for expert in modules.experts:
        name = f"expert/{expert}"
        if expert in weights:
            names[name] = store.objects.put(weights[expert].save)
        else:
            names[name] = modules.stored[name]
        names |= {old: modules.stored[old] for old in overlay_names(modules, expert)}
        if f"head/{expert}" in modules.stored:
            names[f"head/{expert}"] = modules.stored[f"head/{expert}"]
    for expert, overlay in (overlays or {}).items():
        if overlay.head is not None and f"head/{expert}" not in names:
            names[f"head/{expert}"] = store.objects.put(overlay.head.save)
        for number, laid in enumerate(overlay.parts, start=1):
            name = f"{OVERLAY}{expert}/{number:08d}"
            if name not in names:
                names[name] = store.objects.put(laid.save)
    names["router"] = store.objects.put(modules.router.save)
    names["pool"] = store.objects.put(lambda folder: save_pool(modules.pool, folder))
    names["registry"] = store.objects.put(lambda folder: _save_registry(modules, folder))
    return names


def load_expert(store: Store, modules: Modules, encoder: Encoder, name: str) -> Expert:
    """An expert of the version, attached to the encoder and silent."""
    folder = store.objects.open(modules.stored[f"expert/{name}"])
    return method_of(modules.experts[name]).load(encoder, name, folder)


def method_of(facts: ExpertFacts) -> type[Tuned]:
    """How an expert works, whichever sides it is for."""
    return METHODS[facts.method.removesuffix(BOTH).removesuffix(HEAD)]


def load_overlays(store: Store, modules: Modules, experts: Iterable[str]) -> dict[str, Overlay]:
    """What lies over the documents for those of these experts that have an overlay."""
    overlays = {}
    for expert in experts:
        scale = modules.experts[expert].scale
        if scale is not None:
            names = overlay_names(modules, expert)
            parts = [Part.load(store.objects.open(modules.stored[name])) for name in names]
            head = modules.stored.get(f"head/{expert}")
            rewriting = Head.load(store.objects.open(head)) if head else None
            overlays[expert] = Overlay(tuple(parts), Scale(*scale), rewriting)
    return overlays


def overlay_names(modules: Modules, expert: str) -> list[str]:
    """The stored parts of an expert's overlay, oldest first."""
    return sorted(name for name in modules.stored if name.startswith(f"{OVERLAY}{expert}/"))


def _save_registry(modules: Modules, folder: Path) -> None:
    heavy = {"statistics", "birth", "questions"}
    page = {
        "layers": modules.layers,
        "auroc": modules.auroc,
        "kinds": {
            id_: {name: value for name, value in vars(kind).items() if name not in heavy}
            for id_, kind in modules.kinds.items()
        },
        "experts": {name: asdict(facts) for name, facts in modules.experts.items()},
        "shares": dict(modules.shares),
        "compose": modules.compose,
    }
    (folder / REGISTRY).write_text(json.dumps(page, indent=2, sort_keys=True), "utf-8")


def save_pool(pool: Pool, folder: Path) -> None:
    table = pa.table(
        {
            "source": pa.array([source for source, _ in pool.keys], pa.string()),
            "id": pa.array([id_ for _, id_ in pool.keys], pa.string()),
            "group": pa.array(pool.groups.tolist(), pa.uint64()),
        }
    )
    pq.write_table(table, folder / "documents.parquet", compression="zstd")
    np.save(folder / FEATURES, pool.features, allow_pickle=False)
    pool.questions.save(folder)


def load_pool(folder: Path) -> Pool:
    table = pq.read_table(folder / "documents.parquet")
    keys = zip(table["source"].to_pylist(), table["id"].to_pylist(), strict=True)
    return Pool(
        tuple(keys),
        np.load(folder / FEATURES, allow_pickle=False),
        np.array(table["group"].to_pylist(), np.uint64),
        Questions.load(folder),
    )
