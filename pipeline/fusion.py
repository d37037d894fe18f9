"""Two legs, one answer: what the vectors find and what the words find.

    s(d) = (1 - share) z_dense(d) + share z_lexical(d),

over the DEPTH best documents of both legs, each leg's scores taken relative to the mean and the
spread of its own DEPTH best. A document that is not among them has the lowest score there: that of
the DEPTH-th, or none at all where fewer share a word with the query.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.index import Found
from pipeline.measures import Scores

DEPTH = 100
"""Documents of each leg that are weighed against each other."""
DEFAULT_SHARE = 0.5
SHARES = tuple(tenths / 10 for tenths in range(11))
FEWEST_QUERIES = 50
"""With fewer real queries than this, nothing is chosen."""
RANKS = 10
"""Of nDCG@10."""


@dataclass(frozen=True)
class Weighed:
    """The documents of both legs, in order of arrival, and their z-scores in each."""

    numbers: npt.NDArray[np.int64]
    dense: Scores
    lexical: Scores

    def fused(self, share: float) -> Scores:
        fused: Scores = (1 - share) * self.dense + share * self.lexical
        return fused


def fuse(dense: list[Found], lexical: list[Found], share: float, k: int) -> list[Found]:
    """The k best of both legs; with a share of 0, or where one is empty, of one alone. With a share
    of 1 whom no word names follows as the vectors have it, with a score of nothing.

    Documents below the DEPTH best of both follow as the legs have them, with the lowest score. The
    passage is that of the dense leg where it has the document.

    >>> near = [Found(1, 4, 0.9), Found(2, 0, 0.7), Found(3, 0, 0.6)]
    >>> named = [Found(3, 0, 12.0)]
    >>> [hit.number for hit in fuse(near, named, 0.6, 3)]
    [3, 1, 2]
    >>> fuse(near, named, 0.0, 2) == near[:2]
    True
    >>> [hit.number for hit in fuse(near, named, 1.0, 2)]
    [3, 1]
    """
    passages = {hit.number: hit.passage for hit in [*lexical, *dense]}
    if dense and (share == 0 or not lexical):
        return dense[:k]
    if share == 1 or not dense:
        scores = {hit.number: hit.score for hit in lexical}
        ordered = dict.fromkeys(hit.number for hit in [*lexical, *dense])
        return [Found(n, passages[n], scores.get(n, 0.0)) for n in [*ordered][:k]]
    both = weighed(dense, lexical)
    fused = both.fused(share)
    best = np.argsort(-fused, kind="stable")[:k]
    ranked = [
        Found(number, passages[number], score)
        for number, score in zip(both.numbers[best].tolist(), fused[best].tolist(), strict=True)
    ]
    floor = float((1 - share) * both.dense.min() + share * both.lexical.min())
    known = set(both.numbers.tolist())
    below = [hit.number for hit in [*dense[DEPTH:], *lexical[DEPTH:]] if hit.number not in known]
    rest = [Found(number, passages[number], floor) for number in dict.fromkeys(below)]
    return [*ranked, *rest][:k]


def weighed(dense: Sequence[Found], lexical: Sequence[Found]) -> Weighed:
    """The DEPTH best of both legs with their z-scores."""
    dense, lexical = dense[:DEPTH], lexical[:DEPTH]
    numbers = sorted({hit.number for hit in [*dense, *lexical]})
    # Who shares no word with the query scores 0, to the last document.
    unnamed = [0.0] * (min(DEPTH, len(numbers)) - len(lexical))
    return Weighed(
        np.array(numbers, np.int64),
        _relative(numbers, dense, [hit.score for hit in dense]),
        _relative(numbers, lexical, [*(hit.score for hit in lexical), *unnamed]),
    )


@dataclass(frozen=True)
class Standing:
    """Where a leg has a document, if it does, and what that adds to the document's score."""

    rank: int | None
    score: float | None
    adds: float


def standings(
    dense: list[Found], lexical: list[Found], share: float, found: Sequence[Found]
) -> list[tuple[Standing, Standing]]:
    """What the dense and the lexical leg say of each document that `fuse` found.

    >>> near, named = [Found(1, 0, 0.9), Found(2, 0, 0.7)], [Found(2, 0, 12.0)]
    >>> [(best, words)] = standings(near, named, 0.5, fuse(near, named, 0.5, 1))
    >>> best.rank, words.rank, words.score, words.adds
    (2, 1, 12.0, 0.5)
    """
    vectors_alone = bool(dense) and (share == 0 or not lexical)
    words_alone = not dense or share == 1
    both = None if vectors_alone or words_alone else weighed(dense, lexical)
    rows = {} if both is None else {number: row for row, number in enumerate(both.numbers.tolist())}
    ranks = [{hit.number: rank for rank, hit in enumerate(leg)} for leg in (dense, lexical)]
    told = []
    for hit in found:
        if both is None:
            adds = (hit.score, 0.0) if vectors_alone else (0.0, hit.score)
        else:
            row = rows.get(hit.number)
            z = [leg.min() if row is None else leg[row] for leg in (both.dense, both.lexical)]
            adds = (float((1 - share) * z[0]), float(share * z[1]))
        near, named = (
            _standing_in(leg, places.get(hit.number), added)
            for leg, places, added in zip((dense, lexical), ranks, adds, strict=True)
        )
        told.append((near, named))
    return told


def best_share(
    dense: Sequence[list[Found]],
    lexical: Sequence[list[Found]],
    relevant: Sequence[Collection[int]],
) -> float:
    """The lexical share that serves these queries, all of them asked by people.

    Of all SHARES whose mean nDCG@10 is within one standard error of the best one's, paired by
    query, the nearest to DEFAULT_SHARE: a few queries are no reason for an extreme.
    """
    if len(relevant) < FEWEST_QUERIES:
        return DEFAULT_SHARE
    scores = ndcg(dense, lexical, relevant)
    means = scores.mean(axis=1)
    behind = scores[means.argmax()] - scores
    errors = behind.std(axis=1, ddof=1) / np.sqrt(len(relevant))
    # What a single query decides lies behind by just one error.
    close = behind.mean(axis=1) <= errors + 1e-9
    good = [place for place in range(len(SHARES)) if close[place]]
    # Of two that are equally near the better one.
    return SHARES[
        min(good, key=lambda place: (round(abs(SHARES[place] - DEFAULT_SHARE), 9), -means[place]))
    ]


def ndcg(
    dense: Sequence[list[Found]],
    lexical: Sequence[list[Found]],
    relevant: Sequence[Collection[int]],
) -> Scores:
    """nDCG@10 of each query as `fuse` would answer it: (SHARES, queries)."""
    gains = 1 / np.log2(np.arange(RANKS) + 2)
    scores = np.zeros((len(SHARES), len(relevant)))
    for query, (near, named, right) in enumerate(zip(dense, lexical, relevant, strict=True)):
        ideal = gains[: len(right)].sum()
        for place, numbers in enumerate(_rankings(near, named)):
            hits = np.isin(numbers, list(right))
            scores[place, query] = gains[: len(numbers)][hits].sum() / ideal
    return scores


def _rankings(dense: list[Found], lexical: list[Found]) -> list[npt.NDArray[np.int64]]:
    """The first RANKS documents with each of the SHARES."""
    near = np.array([hit.number for hit in (dense or lexical)[:RANKS]], np.int64)
    if not dense or not lexical:
        return [near] * len(SHARES)
    named = np.array([hit.number for hit in fuse(dense, lexical, 1.0, RANKS)], np.int64)
    both = weighed(dense, lexical)
    fused = np.stack([both.fused(share) for share in SHARES[1:-1]])
    best = np.argsort(-fused, axis=1, kind="stable")[:, :RANKS]
    return [near, *both.numbers[best], named]


def _standing_in(leg: list[Found], place: int | None, adds: float) -> Standing:
    if place is None:
        return Standing(None, None, adds)
    return Standing(place + 1, leg[place].score, adds)


def _relative(numbers: Sequence[int], hits: Sequence[Found], scores: Sequence[float]) -> Scores:
    """z-scores of all documents in one leg, whose DEPTH best have these scores."""
    found = {hit.number: hit.score for hit in hits}
    lowest = min(scores)
    here = np.array([found.get(number, lowest) for number in numbers])
    spread = np.std(scores)
    z: Scores = (here - np.mean(scores)) / (spread if spread > 0 else 1.0)
    return z
