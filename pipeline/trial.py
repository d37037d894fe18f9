"""Trying a candidate before anyone is served by it: over the whole index, through the router.

A new expert is tried by cross-fitting where held-out queries are few: the kind's documents are
dealt into folds, an expert is taught without each fold and judged on it, and all out-of-fold
queries count. What may go live is the mean of their weights: as good as an expert taught on
everything, and a third less to teach (docs/decisions.md). The judging tenth taught none of them.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from pipeline.candidate import Candidate, Part, surely_more, with_first_fold
from pipeline.crossfit import FOLDS, all_judges, folds_for, judges_of_fold, without_fold
from pipeline.documents import Key, Pair
from pipeline.encoder import Vectors
from pipeline.experts.base import Expert
from pipeline.experts.lora import LoraExpert
from pipeline.experts.methods import METHODS
from pipeline.experts.mixlora import MixLora
from pipeline.experts.weights import Weights, mean_of
from pipeline.gains import Gains
from pipeline.gate import BOUNDS, Bounds, judge
from pipeline.head import Head, train_head
from pipeline.lessons import lessons
from pipeline.library import Library
from pipeline.measures import Scores
from pipeline.overlay import Overlaid, Overlay, lay_by
from pipeline.progress import Progress, silent
from pipeline.questions import Questions
from pipeline.retriever import Retriever
from pipeline.router import Router, prototypes_of
from pipeline.training import Training, together, train
from pipeline.tried import Tried, each_once, hear, quality


@dataclass(frozen=True)
class Trial:
    """What every candidate of a night is measured against: the live system on tonight's index."""

    live: Retriever
    library: Library
    others: Mapping[str, Questions]
    minutes: float
    """That may be spent on training in this trial."""
    seed: int
    bounds: Bounds = BOUNDS
    progress: Progress = silent
    training_seconds: list[float] = field(default_factory=list)
    """Of every training so far."""
    method: str = LoraExpert.method
    spent: frozenset[Key] = frozenset()
    """Documents that a revision's parent was asked about when it learned: on queries about these
    what is live knows the answers, and nobody is judged by them."""
    _before: dict[tuple[Pair, ...], Scores] = field(default_factory=dict, repr=False)

    @property
    def minutes_left(self) -> float:
        return max(0.0, self.minutes - sum(self.training_seconds) / 60)

    def existing(self, kind: str, questions: Questions, expert: Expert) -> Candidate:
        """Serve the kind by an expert that is there already.

        Whoever does not surely help the kind is refused whatever others say: they are not asked.
        """
        points = prototypes_of(questions.typical.vectors, self.seed)
        router = self.router(kind, points, expert.name, questions)
        asked = all_judges(questions, self.spent)
        tried = self.tried(router, asked)
        helps = judge(tried.gains, {}, asked.synthetic, self.bounds).accepted
        trial = self if helps else replace(self, others={})
        return trial.candidate(kind, expert, router, tried, asked, None)

    def new(
        self,
        kind: str,
        questions: Questions,
        name: str,
        parent: Expert | None = None,
        laid: Collection[Key] = (),
    ) -> Candidate:
        """Serve the kind by an expert taught for it, from scratch or from its parent's weights;
        and by a head over the documents `laid`, if that is better.
        """
        judging, teaching = questions.judging, questions.teaching
        if not len(teaching):
            expert = self.fresh(name)
            return self.candidate(kind, expert, self.live.router, Tried(), judging, None)
        parts = [
            self._out_of_fold(kind, questions, fold, f"{name}-fold{fold}", parent, laid)
            for fold in folds_for(questions)
        ]
        expert = self.fresh(name, parent, teaching)
        training = self._fitted(expert, teaching, parts)
        expert.settle(each_once(teaching)[0])
        head = self._head(teaching, [part.head for part in parts if part.head]) if laid else None
        points = prototypes_of(questions.typical.vectors, self.seed)
        router = self.router(kind, points, expert.name, questions)
        asked = all_judges(questions, self.spent)
        fresh = {name: expert}
        own = sum((part.tried for part in parts), Tried()) + self.tried(router, judging, fresh)
        if head is not None:
            overlay = Overlay((lay_by(head, self.library, laid),), head=head)
            headed = sum((part.headed for part in parts), Tried())
            headed += self.tried(router, judging, fresh, overlay)
            if headed.gains.mean > own.gains.mean:
                both = self.candidate(kind, expert, router, headed, asked, training, overlay)
                # What the head costs other kinds is no reason to refuse the expert.
                if both.verdict.accepted:
                    return with_first_fold(both, [part.headed for part in parts])
        alone = self.candidate(kind, expert, router, own, asked, training)
        return with_first_fold(alone, [part.tried for part in parts])

    def renamed(self, candidate: Candidate, name: str) -> Candidate:
        """The candidate's expert under another name; only the new one stays in the encoder."""
        expert = candidate.expert.copy(name)
        candidate.expert.detach()
        return replace(candidate, expert=expert)

    def beats(self, better: Candidate, simpler: Candidate) -> bool:
        """Whether the costlier candidate gains more, with confidence, on the same queries."""
        if len(better.own) != len(simpler.own):
            return better.verdict.gain > simpler.verdict.interval[1]
        return surely_more(better.own, simpler.own)

    def _out_of_fold(
        self,
        kind: str,
        questions: Questions,
        fold: int,
        name: str,
        parent: Expert | None,
        laid: Collection[Key],
    ) -> Part:
        """The queries of one fold, through an expert taught without its documents."""
        learn = without_fold(questions, fold)
        asked = judges_of_fold(questions, fold, self.spent)
        if not len(learn) or not len(asked):
            return Part()
        # The parts of one expert grow where the whole does.
        expert = self.fresh(name, parent, questions.teaching)
        try:
            training = self._teach(expert, learn, self.minutes / FOLDS)
            points = prototypes_of(learn.typical.vectors, self.seed)
            router = self.router(kind, points, name, questions)
            fresh = {name: expert}
            part = Part(self.tried(router, asked, fresh), training, expert.state())
            if not laid:
                return part
            head = self._head(learn, [])
            overlay = Overlay((lay_by(head, self.library, laid),), head=head)
            headed = self.tried(router, asked, fresh, overlay)
            return replace(part, headed=headed, head=head.state())
        finally:
            expert.detach()

    def _head(self, questions: Questions, parts: Sequence[Weights]) -> Head:
        """A head taught these questions, or the mean of those that the folds have."""
        if len(parts) == FOLDS:
            return Head(mean_of(parts))
        head = Head.new(self.live.encoder.dimension, self.seed)
        made, minutes = lessons(questions, self.library), self.minutes_left
        training = train_head(
            self.live.encoder, head, made, minutes=minutes, seed=self.seed, progress=self.progress
        )
        self.training_seconds.append(training.seconds)
        return head

    def _fitted(self, expert: Expert, teaching: Questions, parts: Sequence[Part]) -> Training:
        """The expert as the mean of those of all folds, or taught at once where one is missing."""
        trainings = [part.training for part in parts if part.training is not None]
        if not parts or len(trainings) < len(parts):
            return self._teach(expert, teaching, self.minutes)
        expert.restore(mean_of([part.weights for part in parts]))
        return together(trainings, len(teaching.answers))

    def router(self, kind: str, points: Vectors, expert: str, questions: Questions) -> Router:
        """The live router with this kind in it, and the floor that would be published with it."""
        held_out = {**self.others, kind: questions}
        vectors = [asked.judging.vectors for asked in held_out.values()]
        return self.live.router.with_kind(kind, points, expert).calibrated(np.concatenate(vectors))

    def fresh(
        self, name: str, parent: Expert | None = None, asked: Questions | None = None
    ) -> Expert:
        """An heir, of the parent or of a mixture there is, to learn what is asked; or untaught."""
        parent = parent or self._most_grown()
        if parent is None or asked is None:
            return METHODS[self.method].new(self.live.encoder, name, self.seed)
        return parent.heir(name, self.seed, each_once(asked)[0])

    def _most_grown(self) -> Expert | None:
        """The mixture that a new one grows out of, if that is the method."""
        mixtures = [one for one in self.live.experts.values() if isinstance(one, MixLora)]
        if self.method != MixLora.method or not mixtures:
            return None
        return max(mixtures, key=lambda one: sum(one.sizes))

    def _teach(self, expert: Expert, questions: Questions, minutes: float) -> Training:
        made = lessons(questions, self.library)
        return self.guarded(
            expert,
            lambda: train(
                self.live.encoder,
                expert,
                made,
                minutes=minutes,
                seed=self.seed,
                composition=self.live.composition,
                progress=self.progress,
            ),
        )

    def guarded(self, expert: Expert, teach: Callable[[], Training]) -> Training:
        """A training whose seconds count, and which may change nothing but the expert."""
        before = expert.rest_hash()
        training = teach()
        self.training_seconds.append(training.seconds)
        if expert.rest_hash() != before:
            raise RuntimeError(f"training {expert.name} changed weights that are not its own")
        return training

    def gain(
        self,
        router: Router,
        asked: Questions,
        fresh: Mapping[str, Expert] | None = None,
        overlay: Overlay | None = None,
    ) -> Gains:
        """nDCG@10 through `router` minus nDCG@10 of what is live, query by query.

        Whoever takes the same route as before finds what was found before, and is not asked.
        """
        texts, vectors = each_once(asked)
        routes = zip(self.live.router.route(vectors), router.route(vectors), strict=True)
        same = [was == now and not now.keys() & (fresh or {}).keys() for was, now in routes]
        moved = {text for text, stays in zip(texts, same, strict=True) if not stays}
        values = np.zeros(len(texts))
        if moved:
            again = asked.where(lambda pair: pair.query in moved)
            values[~np.array(same)] = self.tried(router, again, fresh, overlay).gains.values
        number_of, answers = self.library.number_of, asked.answers
        about = [frozenset(number_of[key] for key in answers[text]) for text in texts]
        return Gains.of(values, about)

    def tried(
        self,
        router: Router,
        asked: Questions,
        fresh: Mapping[str, Expert] | None = None,
        overlay: Overlay | None = None,
    ) -> Tried:
        """Queries asked through `router`, of the dense leg alone, and what each gains.

        `overlay` belongs to the `fresh` expert.
        """
        overlaid = dict(self.live.overlaid)
        if overlay is not None:
            new = Overlaid(overlay, self.library, self.live.index)
            overlaid |= dict.fromkeys(fresh or {}, new)
        experts = {**self.live.experts, **(fresh or {})}
        live = self.live
        candidate = Retriever(
            live.encoder, experts, router, live.index, overlaid, composition=live.composition
        )
        return Tried.over(self.before(asked), hear(candidate, asked, self.library))

    def before(self, asked: Questions) -> Scores:
        """What is live scores: the same against every candidate, so each is asked once."""
        if asked.pairs not in self._before:
            self._before[asked.pairs] = quality(hear(self.live, asked, self.library))
        return self._before[asked.pairs]

    def candidate(
        self,
        kind: str,
        expert: Expert,
        router: Router,
        own: Tried,
        asked: Questions,
        training: Training | None,
        overlay: Overlay | None = None,
    ) -> Candidate:
        fresh = {expert.name: expert}
        losses = {
            other: self.gain(router, questions.judging, fresh, overlay)
            for other, questions in self.others.items()
            if other != kind and len(questions.judging)
        }
        before = self.before(asked)
        live = float(before.mean()) if len(before) else 0.0
        verdict = replace(judge(own.gains, losses, asked.synthetic, self.bounds), live=live)
        return Candidate(
            expert, router, own.gains, verdict, training, overlay=overlay, heard=own.heard
        )
