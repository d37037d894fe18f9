"""The detectors side by side: what they tell apart, what they make of each night, how they err.

Every number is computed from the features of the frozen encoder: nothing is trained, and each
detector sees the same documents.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from bench.draws import draw
from bench.quality.goals import FAR
from bench.quality.known import Domains, Few, Night, Rows, joined, kinds_of, taken
from bench.quality.splits import Seen, false_alarms, misses
from pipeline.detectors.base import Known, Method
from pipeline.detectors.energy import EnergyRule
from pipeline.detectors.every_layer import EveryLayer, one_by_one
from pipeline.detectors.informative import InformativeLayers
from pipeline.detectors.last_layer import LastLayer
from pipeline.detectors.mmd import KernelTest
from pipeline.detectors.prototype import PrototypeSimilarity
from pipeline.detectors.sema import Sema
from pipeline.kinds import spread
from pipeline.layers import Array

OURS = "layers"
NEW, USUAL = 1000, 300
"""Documents of the left-out domain, and of each known kind, that an AUROC is read off at most."""


def methods(layers: Sequence[int]) -> dict[str, Method]:
    """All that are compared; `layers` are the informative ones."""
    return {
        OURS: InformativeLayers(tuple(layers)),
        "last-layer": LastLayer(),
        "energy": EnergyRule(),
        "sema": Sema(),
        "prototype": PrototypeSimilarity(),
        "mmd": KernelTest(),
    }


def detectors(
    domains: Domains,
    nights: Sequence[Night],
    together: Sequence[Collection[str]],
    layers: Sequence[int],
    splits: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """Compare all detectors on these domains.

    `nights` begins with what was known at first and holds no garbage. `together`: sets of domains
    that a reader would call one kind; they are known together and left out together. Of a single
    kind there is nothing to leave out: it has no AUROC and no misses.

    "auroc"           {detector: {domain: AUROC per document, the domain's kind left out}}
    "auroc_by_layer"  {domain: [the same for our statistic on each layer alone]}
    "nights"          {night: {detector: {"score", "alarm"}}}, known: all that came before
    "splits"          {detector: {"false_alarm": rate, "splits": nights of known text,
                                  "miss": rate, "novel": nights of far domains left out}}
    """
    compared = methods(layers)
    kinds = {
        name: taken(domains, {one: np.arange(len(domains[one][1])) for one in mates})
        for name, mates in kinds_of(domains, together).items()
    }
    auroc: dict[str, dict[str, float]] = {name: {} for name in compared}
    by_layer: dict[str, list[float]] = {}
    far: dict[str, dict[str, Seen]] = {}
    known, usual = _halves(kinds, seed)
    for kind, mates in kinds_of(domains, together).items():
        others = [half for name, half in known.items() if name != kind]
        if not others:
            continue
        negatives = joined([few for name, few in usual.items() if name != kind])
        new = {name: Few(*domains[name])[_some(len(domains[name][1]), NEW)] for name in mates}
        seen = _left_out(compared, others, negatives, new, seed, auroc)
        by_layer |= _by_layer(others, negatives, new, seed)
        far |= {name: seen[name] for name in mates if auroc[OURS][name] >= FAR}
    return {
        "auroc": auroc,
        "auroc_by_layer": by_layer,
        "nights": judged_nights(compared, domains, nights, together, seed),
        "splits": _rates(false_alarms(compared, kinds, splits, seed), misses(far, splits, seed)),
    }


def judged_nights(
    compared: Mapping[str, Method],
    domains: Domains,
    nights: Sequence[Night],
    together: Sequence[Collection[str]],
    seed: int,
) -> dict[str, dict[str, dict[str, float | bool]]]:
    """What each detector says to each night, given all that came before it.

    A document that comes again is an update: it is judged by what is known without it.
    """
    home = {one: kind for kind, mates in kinds_of(domains, together).items() for one in mates}
    arrived: dict[str, dict[str, Rows]] = {}
    learned: dict[str, Known] = {}
    judged: dict[str, dict[str, dict[str, float | bool]]] = {}
    for number, (name, rows) in enumerate(nights):
        tonight = {one: few for one, few in rows.items() if len(few)}
        for one, few in tonight.items():
            before = arrived.setdefault(home[one], {}).get(one, few[:0])
            arrived[home[one]][one] = np.setdiff1d(before, few)
            learned.pop(home[one], None)
        known = []
        for kind, parts in arrived.items():
            if kind not in learned and any(map(len, parts.values())):
                learned[kind] = taken(domains, parts).known()
            known += [learned[kind]] if kind in learned else []
        if number and tonight and known:
            night = taken(domains, tonight)
            judged[name] = {}
            for method, one_method in compared.items():
                alarm = one_method.fit(known, seed).alarm(night.features, night.groups)
                judged[name][method] = {"score": alarm.score, "alarm": alarm.new}
        for one, few in tonight.items():
            arrived[home[one]][one] = np.union1d(arrived[home[one]][one], few)
            learned.pop(home[one], None)
    return judged


def _halves(kinds: Mapping[str, Few], seed: int) -> tuple[dict[str, Known], dict[str, Few]]:
    """Each kind in two by whole titles: one half to learn, some of the other as usual text."""
    random = np.random.default_rng(seed)
    known, usual = {}, {}
    for name, few in kinds.items():
        half = draw(few.groups, len(few.groups) // 2, "titles", random)
        known[name] = few[half].known()
        rest = few[~half]
        usual[name] = rest[_some(len(rest.groups), USUAL)]
    return known, usual


def _left_out(
    compared: Mapping[str, Method],
    known: Sequence[Known],
    usual: Few,
    new: Mapping[str, Few],
    seed: int,
    auroc: dict[str, dict[str, float]],
) -> dict[str, dict[str, Seen]]:
    """Notes each detector's AUROC for the domains of one kind; gives what the detectors saw."""
    seen: dict[str, dict[str, Seen]] = {name: {} for name in new}
    for method, one in compared.items():
        fitted = one.fit(known, seed)
        scores = fitted.score(usual.features)
        for name, few in new.items():
            rows = fitted.look(few.features)
            seen[name][method] = fitted, rows, few.groups
            auroc[method][name] = _auroc(scores, fitted.rate(rows))
    return seen


def _by_layer(
    known: Sequence[Known], usual: Few, new: Mapping[str, Few], seed: int
) -> dict[str, list[float]]:
    fitted = EveryLayer().fit(known, seed)
    scores = one_by_one(fitted, fitted.look(usual.features))
    by_layer = {}
    for name, few in new.items():
        newer = one_by_one(fitted, fitted.look(few.features))
        by_layer[name] = [_auroc(*both) for both in zip(scores.T, newer.T, strict=True)]
    return by_layer


def _auroc(usual: Array, new: Array) -> float:
    return float(roc_auc_score(np.repeat([0, 1], [len(usual), len(new)]), np.r_[usual, new]))


def _rates(
    alarms: Mapping[str, tuple[int, int]], missed: Mapping[str, tuple[int, int]]
) -> dict[str, dict[str, float | int | None]]:
    rates: dict[str, dict[str, float | int | None]] = {}
    for name, (count, nights) in alarms.items():
        lost, novel = missed.get(name, (0, 0))
        rates[name] = {
            "false_alarm": count / nights if nights else None,
            "splits": nights,
            "miss": lost / novel if novel else None,
            "novel": novel,
        }
    return rates


def _some(count: int, most: int) -> npt.NDArray[np.int64]:
    return spread(np.arange(count), most)
