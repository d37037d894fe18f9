"""From questions to lessons: which passages answer a query, and which could have."""

from __future__ import annotations

import numpy as np

from pipeline.documents import Key
from pipeline.library import Library
from pipeline.questions import Questions
from pipeline.training import Lessons
from pipeline.tried import each_once


def lessons(questions: Questions, library: Library) -> Lessons:
    """Queries with the passages that answer them; candidates are the documents asked about."""
    texts, _ = each_once(questions)
    keys = asked_about(questions)
    vectors = [library.vectors(library.number_of[key]) for key in keys]
    first = np.concatenate([[0], np.cumsum([len(rows) for rows in vectors])])
    place = {key: row for row, key in enumerate(keys)}
    answers = [
        np.concatenate(
            [np.arange(first[place[key]], first[place[key] + 1]) for key in sorted(found)]
        )
        for found in (questions.answers[text] for text in texts)
    ]
    groups = np.array([place[min(questions.answers[text])] for text in texts], np.int64)
    return Lessons(texts, answers, np.concatenate(vectors), groups)


def asked_about(questions: Questions) -> list[Key]:
    """The documents of some queries, in the order of their lessons' candidates."""
    return sorted({pair.key for pair in questions.pairs})
