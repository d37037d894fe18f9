"""From clicks to training pairs: position bias is weighed out, and few clicks are no evidence.

People look at rank k with probability θ_k, and click on what they looked at if it seems to answer
(N. Craswell et al., "An experimental comparison of click position-bias models", WSDM 2008):

    P(click | q, d, k) = θ_k γ(q, d)

A click at rank k therefore counts 1 / θ_k (T. Joachims, A. Swaminathan and T. Schnabel, "Unbiased
learning-to-rank with biased feedback", WSDM 2017), and per page on which the document was shown:

    r(q, d) = 1 / N(q, d)  Σ_clicks 1 / θ_rank,        share(q, d) = r(q, d) / Σ_d' r(q, d')

N is 1 where no pages are logged. θ comes from the log itself where documents were shown at several
ranks for one query, as they are after a night (A. Agarwal et al., "Estimating position bias
without intrusive interventions", WSDM 2019): the ratio θ_k / θ_j is the ratio of click rates of
the same documents at k and at j, over all of them by Mantel and Haenszel (1959), with Greenland's
and Robins's variance (1985). Where the log says little, the curve is drawn to 1 / rank^η:

    log θ  =  argmin  Σ_{k<j} (log θ_k - log θ_j - log ratio_kj)² / var_kj
                      + Σ_k (log θ_k + η log k)² / PRIOR_SPREAD²,        θ_1 = 1

A pair counts if it was clicked in EVIDENCE sessions, and if its share is surely above the average
of what was shown: Wilson's lower bound, with the clicks' effective number (Σ w)² / Σ w², above
1 / documents.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.click_log import Click, Log, View
from pipeline.documents import Key

ETA = 1.0
PRIOR_SPREAD = 0.5
"""Of log θ: the curve is believed to within a factor of 1.6."""
DEEPEST = 50
"""Ranks below count like this one."""
LEAST_PROPENSITY = 0.05
"""No click counts more than twenty."""
EVIDENCE = 3
CERTAIN = 1.645
"""Standard deviations: 95 %, to one side."""

Asked = tuple[str, Key]


@dataclass(frozen=True)
class Bias:
    """θ for the ranks from 1 on, and for how many of them the log itself had something to say."""

    look: npt.NDArray[np.float64]
    measured: int

    def weight(self, rank: int | None) -> float:
        """What a click at that rank counts; where no rank is known, one."""
        if rank is None:
            return 1.0
        return float(1 / max(LEAST_PROPENSITY, self.look[min(rank, DEEPEST) - 1]))


@dataclass(frozen=True)
class Evidence:
    """A query and a document that surely answers it."""

    query: str
    key: Key
    clicks: int
    share: float
    least: float
    """Its lower bound."""


def bias_of(log: Log) -> Bias:
    """How much less people look at lower ranks.

    >>> bias_of(Log((), (), Counter())).look[:4].round(2).tolist()
    [1.0, 0.5, 0.33, 0.25]
    """
    shown, clicked = _counts(log)
    above, below = np.zeros((DEEPEST, DEEPEST)), np.zeros((DEEPEST, DEEPEST))
    spread = np.zeros((DEEPEST, DEEPEST))
    for asked, pages in shown.items():
        ranks, hits = sorted(pages), clicked.get(asked, Counter[int]())
        for place, k in enumerate(ranks):
            for j in ranks[place + 1 :]:
                both = pages[k] + pages[j]
                above[k - 1, j - 1] += hits.get(k, 0) * pages[j] / both
                below[k - 1, j - 1] += hits.get(j, 0) * pages[k] / both
                total = hits.get(k, 0) + hits.get(j, 0)
                spread[k - 1, j - 1] += total * pages[k] * pages[j] / both**2
    return _fitted(above, below, spread)


def evidence(log: Log, bias: Bias) -> list[Evidence]:
    """The pairs that count, query by query in the order of their first click."""
    shown = Counter((view.query, key) for view in log.views for key in view.keys)
    documents: dict[str, set[Key]] = defaultdict(set)
    for query, key in shown:
        documents[query].add(key)
    clicks: dict[str, dict[Key, list[Click]]] = {}
    for click in log.clicks:
        clicks.setdefault(click.query, {}).setdefault(click.key, []).append(click)
    found = []
    for query, by_key in clicks.items():
        weights = {
            key: [bias.weight(click.rank) / max(1, shown[query, key]) for click in own]
            for key, own in by_key.items()
        }
        # Beside what was clicked there was something to choose from.
        among = max(len(documents[query] | by_key.keys()), len(by_key) + 1)
        for key, own in by_key.items():
            share, least = bounded(weights, key)
            if len({click.session for click in own}) >= EVIDENCE and least > 1 / among:
                found.append(Evidence(query, key, len(own), share, least))
    return found


def bounded(weights: Mapping[Key, Sequence[float]], key: Key) -> tuple[float, float]:
    """The share of a document in a query's weighted clicks, and its lower bound (Wilson 1927).

    >>> one, other = ("sea", "1"), ("sea", "2")
    >>> [round(number, 2) for number in bounded({one: [1.0] * 8, other: [1.0] * 2}, one)]
    [0.8, 0.54]
    >>> [round(number, 2) for number in bounded({one: [4.0] * 2, other: [1.0] * 2}, one)]
    [0.8, 0.34]
    """
    everything = [weight for own in weights.values() for weight in own]
    share = sum(weights[key]) / sum(everything)
    count = sum(everything) ** 2 / sum(weight**2 for weight in everything)
    square = CERTAIN**2 / count
    middle = share + square / 2
    reach = CERTAIN * math.sqrt(share * (1 - share) / count + square / (4 * count))
    return share, (middle - reach) / (1 + square)


def _counts(log: Log) -> tuple[dict[Asked, Counter[int]], dict[Asked, Counter[int]]]:
    """Pages and clicks of each query and document by rank."""
    shown: dict[Asked, Counter[int]] = defaultdict(Counter)
    clicked: dict[Asked, Counter[int]] = defaultdict(Counter)
    for view in log.views:
        _see(view, shown)
    for click in log.clicks:
        if click.rank is not None:
            clicked[click.query, click.key][min(click.rank, DEEPEST)] += 1
    return shown, clicked


def _see(view: View, shown: dict[Asked, Counter[int]]) -> None:
    for rank, key in enumerate(view.keys, start=1):
        shown[view.query, key][min(rank, DEEPEST)] += 1


def _fitted(
    above: npt.NDArray[np.float64], below: npt.NDArray[np.float64], spread: npt.NDArray[np.float64]
) -> Bias:
    """Weighted least squares over all pairs of ranks, and the prior."""
    prior = -ETA * np.log(np.arange(1, DEEPEST + 1))
    precision = np.full(DEEPEST, PRIOR_SPREAD**-2)
    matrix, right = np.diag(precision), precision * prior
    pairs = np.argwhere((above > 0) & (below > 0))
    for k, j in pairs:
        ratio = math.log(above[k, j] / below[k, j])
        weight = above[k, j] * below[k, j] / spread[k, j]
        matrix[[k, j], [k, j]] += weight
        matrix[[k, j], [j, k]] -= weight
        right[k] += weight * ratio
        right[j] -= weight * ratio
    # θ_1 = 1: its row and column are known, and are zero.
    look = np.ones(DEEPEST)
    look[1:] = np.exp(np.linalg.solve(matrix[1:, 1:], right[1:]))
    return Bias(np.minimum(look, 1.0), len(set(pairs.ravel().tolist())))
