"""Does the night's test keep its promise? Many splits of one corpus on its kept statistics.

    python -m bench.false_alarms STORE --splits 1000

Each split takes some documents of the live version as a night and learns the kind from the rest;
nothing is new in such a night. Half of the splits draw single documents, half draw whole titles.
An alarm is a night that is called new. The promise is `false_alarms_per_year` in 365 nights.
"""

from __future__ import annotations

import argparse
import sys
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import binom

from bench.draws import MODES, Groups, draw
from bench.told import tell
from flows.live import Live, open_live
from pipeline.detector import NIGHTS_PER_YEAR, NightTest, judge_night
from pipeline.kinds import KindStatistics, Layers, groups_of
from state.store import Store


@dataclass(frozen=True)
class Tally:
    """Alarms among the splits of one mode, and the largest shares that any night showed."""

    mode: str
    splits: int
    night: int
    alarms: int
    promised: float
    chance: float
    smallest_p: float
    largest_shares: dict[str, float]


def kept_statistics(live: Live) -> tuple[Layers, Groups]:
    """Features and groups of all live documents, as the segments keep them."""
    parts, titles, ids = [], [], []
    for name, segment in live.library.segments.items():
        alive = np.ones(len(segment.keys), bool)
        alive[list(live.library.dead[name])] = False
        parts.append(segment.layers[alive])
        kept = [document for document, lives in zip(segment.documents, alive, strict=True) if lives]
        titles += [document.title for document in kept]
        ids += [document.id for document in kept]
    return np.concatenate(parts), groups_of(titles, ids)


def tally(
    features: Layers, groups: Groups, mode: str, splits: int, size: int, rate: float, seed: int
) -> Tally:
    """Run the splits of one mode."""
    random = np.random.default_rng(seed)
    tests: list[NightTest] = []
    started = time.monotonic()
    for number in range(splits):
        night = draw(groups, size, mode, random)
        known = KindStatistics.of(features[~night], groups[~night])
        surprise = known.surprise(features[night])
        tests.append(judge_night(surprise, groups[night], [known], rate))
        if (number + 1) % 50 == 0:
            left = (time.monotonic() - started) / (number + 1) * (splits - number - 1)
            print(f"{mode}: {number + 1} of {splits}, {left:.0f} s left", file=sys.stderr)
    alarms = sum(test.new for test in tests)
    promised = splits * rate / NIGHTS_PER_YEAR
    return Tally(
        mode=mode,
        splits=splits,
        night=size,
        alarms=alarms,
        promised=promised,
        chance=float(binom.sf(alarms - 1, splits, rate / NIGHTS_PER_YEAR)),
        smallest_p=min(test.p_value for test in tests),
        largest_shares={
            str(level): max(test.shares[level] for test in tests) for level in tests[0].shares
        },
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("store", type=Path)
    parser.add_argument("--splits", type=int, default=1000)
    parser.add_argument("--night", type=int, default=250)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="write the tallies there as JSON")
    asked = parser.parse_args()
    live = open_live(Store.open(asked.store))
    features, groups = kept_statistics(live)
    rate = live.settings.false_alarms_per_year
    tallies = [
        tally(features, groups, mode, asked.splits // len(MODES), asked.night, rate, asked.seed)
        for mode in MODES
    ]
    page: dict[str, Any] = {
        "documents": len(features),
        "titles": len(np.unique(groups)),
        "layers": list(live.modules.layers),
        "false_alarms_per_year": rate,
        "seed": asked.seed,
        "tallies": [asdict(entry) for entry in tallies],
    }
    tell(page, asked.out)


if __name__ == "__main__":
    main()
