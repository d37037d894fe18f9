"""Who belongs where after a night: documents to kinds or to the pool, questions to kinds."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from flows.encoding import Encoding
from flows.groups import Group, still_asked
from flows.intake import Intake
from flows.live import Live
from flows.modules import Kind, Modules, Pool
from flows.prior import with_labels
from pipeline.chosen import Chosen
from pipeline.clusters import ALIKE, beyond
from pipeline.documents import REAL, Document, Key
from pipeline.index import Index
from pipeline.kinds import KindStatistics, Layers, spread
from pipeline.lexical import Lexical
from pipeline.library import Library
from pipeline.progress import Progress
from pipeline.questions import Questions
from pipeline.terms import name_of
from state.store import Store

COMPARED = 2000
"""Documents that a new kind is named against."""


@dataclass(frozen=True)
class Grounds:
    """What growing stands on: the live version, tonight's documents, and names ever used."""

    live: Live
    documents: Sequence[Document]
    encoding: Encoding
    library: Library
    index: Index
    version: int
    names: frozenset[str]
    minutes: float
    """That may be spent on training."""
    progress: Progress
    pool: Pool
    """Who waited before tonight."""
    labels: tuple[str, ...] = ()
    """What tonight's batch says of itself."""
    training_seconds: list[float] = field(default_factory=list)
    """Of every training so far."""

    @property
    def lexical(self) -> Lexical | None:
        """Keyword search over tonight's documents, unless it is off."""
        return self.library.lexical if self.live.settings.lexical else None

    def for_one_of(self, groups: int) -> Grounds:
        """The same for one group of several that want to learn: it may take an equal part of the
        minutes that are left.
        """
        left = max(0.0, self.minutes - sum(self.training_seconds) / 60)
        return replace(self, minutes=left / max(1, groups), training_seconds=[])

    def name(self, letter: str, prefix: str, besides: Iterable[str]) -> str:
        """The next name of that sort that no version, and nothing of tonight, has ever had."""
        ever = {
            name.removeprefix(prefix).split("/")[0]
            for name in self.names
            if name.startswith(prefix)
        }
        return next_name(letter, ever | set(besides))

    def revision(self, root: str, besides: Iterable[str]) -> str:
        """The name of an expert's next revision: e1 has e1-2, then e1-3."""
        ever = {name.removeprefix("expert/") for name in self.names} | set(besides)
        return f"{root}-{1 + len({name for name in ever if name.split('-')[0] == root})}"


def waiting_still(live: Live, intake: Intake) -> Pool:
    """Who waited before tonight, but for documents that are gone or that tonight brings anew; what
    people asked about the latter is not forgotten.
    """
    pool, there = live.modules.pool, live.library.number_of
    anew = {document.key for document in intake.documents} & set(pool.keys)
    gone = anew.union(intake.deleted)
    left = pool.take([n for n, key in enumerate(pool.keys) if key in there and key not in gone])
    asked = pool.questions.where(lambda pair: pair.origin == REAL and pair.key in anew)
    return replace(left, questions=left.questions + asked)


def forget_departed(live: Live) -> None:
    """Leave out what is asked about documents that are no longer there. Nights do so; a rollback of
    modules alone brings such questions back.
    """
    live.modules = still_there(live.modules, live.library)


def still_there(
    modules: Modules, library: Library, replaced: Collection[Key] = frozenset()
) -> Modules:
    """The modules without the waiting documents that are gone, and with what is asked still."""
    kinds = dict(modules.kinds)
    for id_, kind in kinds.items():
        left = still_asked(kind.questions, library, replaced)
        if len(left) < len(kind.questions):
            kinds[id_] = kind.asking(left)
    rows = [row for row, key in enumerate(modules.pool.keys) if key in library.number_of]
    return replace(modules, kinds=kinds, pool=modules.pool.take(rows))


def heard(modules: Modules, questions: Questions) -> Modules:
    """The modules with questions about documents of earlier nights given to the nearest kinds."""
    if not len(questions) or not modules.router.prototypes:
        return modules
    nearest = modules.router.similarity(questions.vectors).argmax(axis=1)
    kinds = dict(modules.kinds)
    for column, id_ in enumerate(modules.router.prototypes):
        rows = np.flatnonzero(nearest == column).tolist()
        if rows:
            kinds[id_] = kinds[id_].asking(kinds[id_].questions + questions.take(rows))
    return replace(modules, kinds=kinds)


def grown_kind(grounds: Grounds, modules: Modules, group: Group) -> Kind:
    """The group's kind after these documents; a kind of its own where it is new.

    What a known kind is given anew, by an update, it has counted before.
    """
    if group.kind is not None:
        old = modules.kinds[group.kind.id]
        features, groups = of_group(grounds, replace(group, rows=group.arrived))
        return replace(
            old.asking(old.questions + group.questions),
            documents=old.documents + len(group.arrived) + len(group.waiting),
            statistics=old.statistics.grow(features, groups),
            labels=with_labels(old.labels, grounds.labels),
        )
    features, groups = of_group(grounds, group)
    statistics = KindStatistics.of(features, groups)
    return Kind(
        id=grounds.name("k", "kind/", modules.kinds),
        name=named(group.documents, grounds.library),
        documents=len(group.documents),
        born=grounds.version,
        statistics=statistics,
        birth=statistics,
        questions=group.questions,
        labels=grounds.labels,
    )


def experts_of_kin(grounds: Grounds, modules: Modules, group: Group) -> frozenset[str]:
    """The experts of the kinds that look like the group."""
    features, _ = of_group(grounds, group)
    if not len(features):
        return frozenset()
    served = {
        kind.id: kind.statistics for kind in modules.kinds.values() if kind.expert is not None
    }
    return frozenset(str(modules.kinds[id_].expert) for id_ in kin(served, features))


def kin(kinds: Mapping[str, KindStatistics], features: Layers) -> list[str]:
    """The kinds that could be one with these documents, as clusters of a night could."""
    return [name for name, kind in kinds.items() if beyond(kind, features) < ALIKE]


def of_group(grounds: Grounds, group: Group) -> tuple[Layers, npt.NDArray[np.uint64]]:
    """Features and groups of a group's documents, tonight's and those that waited."""
    pool = grounds.pool.take(list(group.waiting))
    encoding, rows = grounds.encoding, spread(group.rows)
    return (
        np.concatenate([encoding.features[rows], pool.features]),
        np.concatenate([encoding.groups[rows], pool.groups]),
    )


def pool_after(grounds: Grounds, groups: Sequence[Group]) -> Pool:
    """What waits after the night: those who still do, and tonight's newcomers."""
    settled = {row for group in groups if group.outcome != "wait" for row in group.waiting}
    waiting = range(len(grounds.pool.keys))
    pool = grounds.pool.take([row for row in waiting if row not in settled])
    for group in groups:
        if group.outcome == "wait":
            rows = group.rows
            keys = [grounds.documents[row].key for row in rows]
            pool = Pool(
                (*pool.keys, *keys),
                np.concatenate([pool.features, grounds.encoding.features[rows]]),
                np.concatenate([pool.groups, grounds.encoding.groups[rows]]),
                pool.questions + group.questions,
            )
    return pool


def named(documents: Sequence[Document], library: Library) -> str:
    """What documents are called beside the others of the index."""
    own = {document.key for document in documents}
    numbers = [number for key, number in library.number_of.items() if key not in own]
    step = max(1, len(numbers) // COMPARED)
    return name_of(documents, Chosen(library.documents, numbers[::step]))


def unused_expert(store: Store, besides: Iterable[str] = ()) -> str:
    """The next expert's name: none of any version, and nothing besides, has had it."""
    ever = {
        name.removeprefix("expert/")
        for manifest in store.history()
        for name in manifest.modules
        if name.startswith("expert/")
    }
    return next_name("e", ever | set(besides))


def next_name(letter: str, taken: set[str]) -> str:
    """The first number that was never given.

    >>> next_name("e", {"e1", "e1-2", "e2"})
    'e3'
    """
    roots = [int(name.split("-")[0].removeprefix(letter)) for name in taken]
    return f"{letter}{1 + max(roots, default=0)}"
