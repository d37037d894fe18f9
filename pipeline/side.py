"""One side or both? An expert that also re-encodes its kind's documents is tried where it may pay.

It costs several times the training and an encoding of the kind, tonight and again with every
revision, so it must gain more than the query side alone: with confidence, and by WORTH. That is
measured on one fold of documents that taught neither. Only then is it taught on everything but the
judging tenth, and judged by the same gate as any other candidate.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, replace

import numpy as np

from pipeline.both_sides import estimate, split, train_both
from pipeline.candidate import Candidate
from pipeline.composition.base import unit
from pipeline.crossfit import FOLDS, folds_for, judges_of_fold, without_fold
from pipeline.documents import Key
from pipeline.experts.base import Expert
from pipeline.gains import Gains
from pipeline.gate import FEWEST_QUERIES, Verdict
from pipeline.lessons import asked_about, lessons
from pipeline.overlay import Overlaid, Overlay, calibrate, lay
from pipeline.questions import Questions
from pipeline.router import prototypes_of
from pipeline.training import Lessons, Training
from pipeline.trial import Trial
from pipeline.tried import Tried

WORTH = 0.01
"""nDCG@10 that both sides must gain beyond the query side alone."""
SHARE_OF_FOLD = (FOLDS - 1) / FOLDS
"""What teaching without a fold costs, in units of teaching with everything."""


@dataclass(frozen=True)
class Choice:
    """The candidate to go on with, and what was measured of the other side."""

    candidate: Candidate
    reason: str | None


@dataclass(frozen=True)
class BothSides:
    """An expert for both sides of a kind whose documents are `keys`, its weights start
    where the parent's are."""

    trial: Trial
    kind: str
    questions: Questions
    keys: Collection[Key]
    name: str
    parent: Expert | None = None

    def seconds(self) -> float:
        """What a fold and the whole would take to teach."""
        return self.whole_seconds() * (1 + SHARE_OF_FOLD * self._crossfits)

    def whole_seconds(self) -> float:
        """What the whole would take to teach, from one step that is tried."""
        made, texts = self._lessons(self.questions.teaching)
        expert = self.trial.fresh(self.name, self.parent, self.questions.teaching)
        try:
            return estimate(self.trial.live.encoder, expert, made, texts, self.trial.seed)
        finally:
            expert.detach()

    def first_fold(self) -> Tried:
        """The queries of the first fold, through an expert taught without its documents."""
        trial, asked = self.trial, judges_of_fold(self.questions, 0, self.trial.spent)
        learn = without_fold(self.questions, 0)
        if not self._crossfits or not len(learn) or not len(asked):
            return Tried()
        share = SHARE_OF_FOLD / (1 + SHARE_OF_FOLD)
        expert, _, overlay = self._taught(learn, f"{self.name}-fold0", share * trial.minutes_left)
        try:
            points = prototypes_of(learn.typical.vectors, trial.seed)
            router = trial.router(self.kind, points, expert.name, self.questions)
            return trial.tried(router, asked, {expert.name: expert}, overlay)
        finally:
            expert.detach()

    def whole(self, first_fold: Tried) -> Candidate:
        """The expert taught on everything but the judging tenth; the first fold judges besides."""
        trial, judging = self.trial, self.questions.judging
        teaching, minutes = self.questions.teaching, trial.minutes_left
        expert, training, overlay = self._taught(teaching, self.name, minutes)
        points = prototypes_of(self.questions.typical.vectors, trial.seed)
        router = trial.router(self.kind, points, expert.name, self.questions)
        own = first_fold + trial.tried(router, judging, {expert.name: expert}, overlay)
        asked = judging
        if len(first_fold):
            asked = Questions.all_of([judges_of_fold(self.questions, 0, self.trial.spent), judging])
        return trial.candidate(self.kind, expert, router, own, asked, training, overlay)

    @property
    def _crossfits(self) -> bool:
        return bool(folds_for(self.questions))

    def _taught(
        self, questions: Questions, name: str, minutes: float
    ) -> tuple[Expert, Training, Overlay]:
        """An expert, and its overlay calibrated on queries that never taught it."""
        trial, encoder = self.trial, self.trial.live.encoder
        made, texts = self._lessons(questions)
        expert = trial.fresh(name, self.parent, questions)
        training = trial.guarded(
            expert,
            lambda: train_both(
                encoder,
                expert,
                made,
                texts,
                minutes=minutes,
                seed=trial.seed,
                progress=trial.progress,
            ),
        )
        expert.settle(made.queries)
        part = lay(encoder, expert, trial.library, self.keys, trial.progress)
        overlay = Overlay((part,))
        learn, held = split(made.groups, np.random.default_rng(trial.seed))
        unseen = [made.queries[row] for row in (held if len(held) else learn)]
        frozen = encoder.encode_queries(unseen)
        with expert.attached():
            learned = encoder.encode_queries(unseen)
        bare = Overlaid(overlay, trial.library, trial.live.index)
        scale = calibrate(bare, unit(frozen + learned), frozen, learned)
        return expert, training, replace(overlay, scale=scale)

    def _lessons(self, questions: Questions) -> tuple[Lessons, list[str]]:
        library = self.trial.library
        texts = [
            text for key in asked_about(questions) for text in library.texts(library.number_of[key])
        ]
        return lessons(questions, library), texts


def choose_side(both: BothSides, queries: Candidate) -> Choice:
    """Both sides instead of the queries alone, where time allows and they gain what they cost."""
    if not promising(queries.verdict):
        return Choice(queries, None)
    late = too_late(both)
    if late:
        return Choice(queries, late)
    fold = both.first_fold()
    if len(fold):
        worth, told = weighed(fold.gains, queries.first_fold)
        if not worth:
            return Choice(queries, told)
    candidate = both.whole(fold)
    if not len(fold):
        worth, told = weighed(candidate.own, queries.own.last(len(candidate.own)))
    if worth and candidate.verdict.accepted:
        return Choice(candidate, told)
    candidate.expert.detach()
    refused = f"{told}, but were refused: {candidate.verdict.reason}"
    return Choice(queries, refused if worth else told)


def promising(verdict: Verdict) -> bool:
    """Whether the query side was accepted, or refused for want of certainty alone."""
    hurt = any(high < 0 for _, _, high in verdict.losses.values())
    return verdict.accepted or (verdict.queries >= FEWEST_QUERIES and verdict.gain > 0 and not hurt)


def too_late(both: BothSides) -> str | None:
    """Why there is no time for both sides tonight, if there is none."""
    minutes = both.trial.minutes_left
    needed = both.seconds() / 60 if minutes else math.inf
    if needed <= minutes:
        return None
    if not minutes:
        return "no time was left to try both sides"
    return f"both sides would take about {needed:.1f} minutes, {minutes:.1f} are left"


def weighed(both: Gains, alone: Gains) -> tuple[bool, str]:
    """Whether both sides are worth their cost, and by what measure.

    >>> nothing = Gains.alone(np.zeros(40))
    >>> weighed(Gains.alone(np.full(40, 0.05)), nothing)
    (True, 'both sides gain 5.0 points more than queries alone, at least 5.0')
    >>> weighed(Gains.alone(np.full(40, 0.005)), nothing)
    (False, 'both sides gain 0.5 points more than queries alone, at least 0.5: too little')
    """
    more = both - alone
    low, _ = more.interval(0.90)
    mean = more.mean
    worth = len(more) >= FEWEST_QUERIES and low > 0 and mean >= WORTH
    told = (
        f"both sides gain {100 * mean:.1f} points more than queries alone, at least {100 * low:.1f}"
    )
    return worth, told if worth else f"{told}: too little"
