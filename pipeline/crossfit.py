"""Cross-fitting: documents are dealt into folds, so that few queries can teach and judge.

Whoever is judged by the queries of a fold was taught without its documents. Where enough queries
judge already, there are no folds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection

from pipeline.documents import SPAN, Key
from pipeline.questions import Questions

FOLDS = 3
PLENTY = 400
"""With so many judging queries, about half as many documents, cross-fitting would not make the gate
any surer."""


def folds_for(questions: Questions) -> range:
    """The folds that a kind's questions need, all or none."""
    judging = questions.judging
    about = {pair.key for pair in judging.pairs}
    plenty = len(judging.answers) >= PLENTY and 2 * len(about) >= PLENTY
    return range(0 if plenty else FOLDS)


def without_fold(questions: Questions, fold: int) -> Questions:
    """Queries that may teach whoever is judged by this fold."""
    teach = questions.teaching
    return teach.where(lambda pair: all(fold_of(key) != fold for key in teach.answers[pair.query]))


def judges_of_fold(questions: Questions, fold: int, spent: Collection[Key] = ()) -> Questions:
    """Queries of one fold that may judge: real ones, or those of the judging generator.

    Nobody is judged by queries about `spent` documents.
    """
    answers, barred = questions.answers, frozenset(spent)
    tenth = set(questions.judging.answers)
    return (
        questions.where(lambda pair: pair.origin != SPAN)
        .real_if_enough()
        .where(
            lambda pair: (
                pair.query not in tenth
                and all(fold_of(key) == fold for key in answers[pair.query])
                and not barred & answers[pair.query]
            )
        )
    )


def all_judges(questions: Questions, spent: Collection[Key] = ()) -> Questions:
    """All queries that judge, fold by fold, then the judging tenth."""
    parts = [judges_of_fold(questions, fold, spent) for fold in folds_for(questions)]
    return Questions.all_of([*parts, questions.judging])


def fold_of(key: Key) -> int:
    """A document's fold, the same for ever."""
    digest = hashlib.sha256("\0".join(("fold", *key)).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % FOLDS
