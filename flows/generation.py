"""The next generation: the same kinds as another encoder sees them, their experts taught anew."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from flows.adoption import facts_of_expert
from flows.encoding import Encoding
from flows.live import Live
from flows.membership import unused_expert
from flows.modules import Kind, Modules, Pool
from flows.shares import with_frozen_shares, with_share
from flows.sides import may_have_head
from nightshift.errors import NothingToDo
from pipeline.candidate import Candidate
from pipeline.clusters import A_HANDFUL
from pipeline.composition.methods import COMPOSITIONS
from pipeline.decision import homes
from pipeline.documents import Key
from pipeline.encoder import Encoder
from pipeline.experts.base import Expert
from pipeline.gate import Bounds
from pipeline.index import Index
from pipeline.kinds import KindStatistics, spread
from pipeline.library import Library
from pipeline.measures import Scores
from pipeline.overlay import Overlaid, Overlay
from pipeline.progress import Progress
from pipeline.questions import Questions
from pipeline.retriever import Retriever
from pipeline.router import Router, prototypes_of
from pipeline.trial import Trial
from pipeline.tried import hear, quality

Rows = npt.NDArray[np.int64]


@dataclass(frozen=True)
class Generation:
    """An encoder's documents, kinds and experts, not yet published."""

    encoder: Encoder
    library: Library
    index: Index
    modules: Modules
    experts: dict[str, Expert] = field(default_factory=dict)
    overlays: dict[str, Overlay] = field(default_factory=dict)

    @property
    def retriever(self) -> Retriever:
        overlaid = {
            name: Overlaid(overlay, self.library, self.index)
            for name, overlay in self.overlays.items()
        }
        composition = COMPOSITIONS[self.modules.compose]
        router = self.modules.router
        return Retriever(
            self.encoder, self.experts, router, self.index, overlaid, composition=composition
        )

    def quality(self, asked: Questions) -> Scores:
        """nDCG@10 of each query, by vectors alone."""
        return quality(hear(self.retriever, asked, self.library))


def renewed(
    live: Live,
    encoder: Encoder,
    library: Library,
    index: Index,
    encoding: Encoding,
    layers: Sequence[int],
    auroc: Sequence[float],
    progress: Progress,
) -> Generation:
    """The live kinds and experts by another encoder; row i of `encoding` is document i."""
    rows_of = _rows_by_kind(live, library)
    kinds = {
        id_: _kind(kind, encoder, encoding, rows_of[id_])
        for id_, kind in live.modules.kinds.items()
        if len(rows_of[id_]) >= A_HANDFUL
    }
    if not kinds:
        raise NothingToDo(
            f"{len(library)} documents are too few to tell kinds apart by; {A_HANDFUL} of one kind "
            "are needed",
            hint="nightshift init --encoder ENCODER --corpus PATH --store A_NEW_FOLDER",
        )
    router = Router(rule=live.modules.router.rule)
    for id_, kind in kinds.items():
        if len(kind.questions.typical):
            points = prototypes_of(kind.questions.typical.vectors, live.settings.seed)
            router = router.with_kind(id_, points, None)
    judging = [kind.questions.judging.vectors for kind in kinds.values()]
    modules = Modules(
        tuple(layers),
        tuple(auroc),
        kinds,
        {},
        router.calibrated(np.concatenate(judging)),
        _pool(live, encoder, library, encoding),
        compose=live.modules.compose,
    )
    new, in_order = Generation(encoder, library, index, modules), _in_order(library)
    for id_, kind in live.modules.kinds.items():
        full = len(new.experts) >= live.settings.max_experts
        if kind.expert is not None and id_ in kinds and not full:
            keys = [in_order[row] for row in rows_of[id_]]
            new = _taught(live, new, id_, keys, progress)
    lexical = library.lexical if live.settings.lexical else None
    shares = with_frozen_shares(new.modules, library, new.index, lexical)
    return replace(new, modules=shares)


def _rows_by_kind(live: Live, library: Library) -> dict[str, Rows]:
    """The documents of each kind: those asked about as its questions say, others by the features
    that the old encoder left; whoever waits belongs to none.
    """
    before, kinds = live.library, live.modules.kinds
    features = np.concatenate([segment.layers for segment in before.segments.values()])
    keys = _in_order(library)
    old = np.array([before.number_of[key] for key in keys])
    names = list(kinds)
    home = homes([kind.statistics for kind in kinds.values()], features[old])
    place = {key: row for row, key in enumerate(keys)}
    for number, kind in enumerate(kinds.values()):
        asked = {pair.key for pair in kind.questions.pairs if pair.key in place}
        home[[place[key] for key in sorted(asked)]] = number
    home[[place[key] for key in live.modules.pool.keys if key in place]] = -1
    return {name: np.flatnonzero(home == number) for number, name in enumerate(names)}


def _in_order(library: Library) -> list[Key]:
    """All keys, by number."""
    return sorted(library.number_of, key=lambda key: library.number_of[key])


def _kind(kind: Kind, encoder: Encoder, encoding: Encoding, rows: Rows) -> Kind:
    few = spread(rows)
    statistics = KindStatistics.of(encoding.features[few], encoding.groups[few])
    return replace(
        kind,
        documents=len(rows),
        statistics=statistics,
        birth=statistics,
        questions=_heard_by(encoder, kind.questions),
        expert=None,
        candidate=None,
        tried=0,
        taught=0,
    )


def _heard_by(encoder: Encoder, questions: Questions) -> Questions:
    """The same questions, with their vectors by another encoder."""
    vectors = encoder.encode_queries([pair.query for pair in questions.pairs])
    return replace(questions, vectors=vectors)


def _pool(live: Live, encoder: Encoder, library: Library, encoding: Encoding) -> Pool:
    pool = live.modules.pool
    rows = [library.number_of[key] for key in pool.keys]
    questions = _heard_by(encoder, pool.questions)
    return Pool(pool.keys, encoding.features[rows], pool.groups, questions)


def _taught(
    live: Live, new: Generation, id_: str, keys: Sequence[Key], progress: Progress
) -> Generation:
    """The generation with an expert for the kind, if the gate lets one in."""
    settings, kind = live.settings, new.modules.kinds[id_]
    trial = Trial(
        new.retriever,
        new.library,
        {name: one.questions for name, one in new.modules.kinds.items()},
        settings.train_minutes,
        settings.seed,
        Bounds(settings.gate_margin, settings.gate_tolerance),
        progress,
        method=settings.expert,
    )
    name = unused_expert(live.store, new.modules.experts)
    laid = keys if may_have_head(kind, settings) else ()
    candidate = trial.new(id_, kind.questions, name, laid=laid)
    if not candidate.verdict.accepted:
        candidate.expert.detach()
        kinds = {**new.modules.kinds, id_: replace(kind, asked=kind.documents)}
        return replace(new, modules=replace(new.modules, kinds=kinds))
    return _with_expert(live, new, replace(kind, expert=name), candidate)


def _with_expert(live: Live, new: Generation, kind: Kind, candidate: Candidate) -> Generation:
    name = candidate.expert.name
    facts = facts_of_expert(candidate, kind.id, live.manifest.version + 1, None)
    learned = len(kind.questions.teaching)
    kind = replace(kind, tried=learned, taught=learned)
    modules = replace(
        new.modules,
        kinds={**new.modules.kinds, kind.id: kind},
        experts={**new.modules.experts, name: facts},
        router=candidate.router,
    )
    lexical = new.library.lexical if live.settings.lexical else None
    overlays = {**new.overlays, **({name: candidate.overlay} if candidate.overlay else {})}
    return replace(
        new,
        modules=with_share(modules, kind.id, candidate.heard, lexical),
        experts={**new.experts, name: candidate.expert},
        overlays=overlays,
    )
