"""How often does a detector call known text new, and how often does it pass over a far kind?

Nights are drawn over and over, half of them from single documents, half from whole titles.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from bench.draws import MODES, draw
from bench.quality.known import Few
from pipeline.detectors.base import Detector, Groups, Method
from pipeline.layers import Array

NIGHT = 250
FITS = 20
"""Times that a method is fitted for each mode; its nights are drawn from what was kept back."""
KEPT_BACK = 1000
SLOW = {"mmd": 5}
"""One night in so many, for a method that needs a second for a night."""

Seen = tuple[Detector, Array, Groups]
"""A fitted detector, what it saw of the documents of a kind that it does not know, their titles."""


def false_alarms(
    methods: Mapping[str, Method], kinds: Mapping[str, Few], splits: int, seed: int
) -> dict[str, tuple[int, int]]:
    """Detector -> nights called new, and nights.

    Each fit keeps back a third of one kind, of 1,000 documents at most, the kinds in turn; all
    other documents of all kinds are known. A night is 250 of those kept back, or half of them.
    """
    random = np.random.default_rng(seed)
    whole = {name: few.known() for name, few in kinds.items()}
    tally = {name: np.zeros(2, np.int64) for name in methods}
    fits = min(FITS, max(1, splits // len(MODES)))
    for number in range(len(MODES) * fits):
        mode, turn = MODES[number % len(MODES)], number // len(MODES)
        home = list(kinds)[turn % len(kinds)]
        few = kinds[home]
        back = draw(few.groups, min(KEPT_BACK, len(few.groups) // 3), mode, random)
        known = [few[~back].known() if name == home else kept for name, kept in whole.items()]
        pool = few[back]
        nights = splits // len(MODES) // fits
        drawn = [draw(pool.groups, _size(pool.groups), mode, random) for _ in range(nights)]
        for name, method in methods.items():
            fitted = method.fit(known, seed)
            seen = fitted.look(pool.features), pool.groups
            tally[name] += _alarms(fitted, *seen, drawn[:: SLOW.get(name, 1)])
    return {name: (int(alarms), int(nights)) for name, (alarms, nights) in tally.items()}


def misses(
    far: Mapping[str, Mapping[str, Seen]], splits: int, seed: int
) -> dict[str, tuple[int, int]]:
    """Detector -> nights of left-out far domains not called new, and nights; the domains in turn.

    `far[domain][detector]`.
    """
    tally: dict[str, tuple[int, int]] = {}
    for turn, seen in enumerate(far.values()):
        random = np.random.default_rng((seed, turn))
        groups = next(iter(seen.values()))[2]
        share = splits // len(far)
        modes = [MODES[number % len(MODES)] for number in range(share)]
        drawn = [draw(groups, _size(groups), mode, random) for mode in modes]
        for name, (fitted, rows, titles) in seen.items():
            alarms, nights = _alarms(fitted, rows, titles, drawn[:: SLOW.get(name, 1)])
            missed, before = tally.get(name, (0, 0))
            tally[name] = missed + nights - alarms, before + nights
    return tally


def _size(groups: Groups) -> int:
    return min(NIGHT, max(1, len(groups) // 2))


def _alarms(
    fitted: Detector, seen: Array, groups: Groups, nights: list[npt.NDArray[np.bool_]]
) -> tuple[int, int]:
    alarms = sum(fitted.judge(seen[night], groups[night]).new for night in nights)
    return alarms, len(nights)
