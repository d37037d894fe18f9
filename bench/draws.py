"""Nights drawn from one corpus: single documents, or whole titles."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

MODES = ("documents", "titles")
Groups = npt.NDArray[np.uint64]


def draw(
    groups: Groups, size: int, mode: str, random: np.random.Generator
) -> npt.NDArray[np.bool_]:
    """Which documents make the night: single ones, or whole titles until there are `size`.

    >>> groups = np.array([1, 1, 1, 2, 2, 2], np.uint64)
    >>> draw(groups, 2, "titles", np.random.default_rng(0)).tolist()
    [True, True, True, False, False, False]
    """
    night = np.zeros(len(groups), bool)
    if mode == "documents":
        night[random.permutation(len(groups))[:size]] = True
        return night
    for group in random.permutation(np.unique(groups)):
        night |= groups == group
        if night.sum() >= size:
            break
    return night
