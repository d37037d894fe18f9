"""Slow drift: what comes to a kind, held against the kind as it was when it was first seen.

A kind takes in whatever joins it, night by night, so a slow change never stands out in the test of
a night. Nothing is decided by this: it is said, so that somebody looks.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from flows.modules import Kind
from pipeline.detector import DRIFT_LEVEL, judge_night
from pipeline.kinds import Layers


def drifted(
    kind: Kind, features: Layers, groups: npt.NDArray[np.uint64], false_alarms_per_year: float
) -> str | None:
    """What to say of newcomers that would have been news to the kind at its birth."""
    test = judge_night(kind.birth.surprise(features), groups, [kind.birth], false_alarms_per_year)
    if not test.new:
        return None
    share, level = 100 * test.shares[DRIFT_LEVEL], 100 * DRIFT_LEVEL
    return f"it has drifted: {share:.0f} % lies farther out than {level:.0f} % of its first text"
