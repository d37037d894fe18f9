"""Domains, and the kinds of text that they are to a reader: what a detector is fitted on."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.detectors.base import Groups, Known
from pipeline.kinds import Layers

Rows = npt.NDArray[np.int64]
Domains = Mapping[str, tuple[Layers, Groups]]
"""Domain -> features of all layers (documents, layers, dimension), and the title of each."""
Night = tuple[str, Mapping[str, Rows]]
"""A name, and the rows of each domain that come with it."""


@dataclass(frozen=True)
class Few:
    """Documents taken out of their domains."""

    features: Layers
    groups: Groups

    def known(self) -> Known:
        return Known(self.features, self.groups)

    def __getitem__(self, rows: npt.NDArray[np.bool_] | Rows) -> Few:
        return Few(self.features[rows], self.groups[rows])


def kinds_of(
    names: Iterable[str], together: Sequence[Collection[str]]
) -> dict[str, tuple[str, ...]]:
    """Kind -> its domains; a kind is called after the first of them.

    >>> kinds_of(["wiki", "code", "trivia"], [{"trivia", "wiki"}])
    {'wiki': ('wiki', 'trivia'), 'code': ('code',)}
    """
    kinds: dict[str, tuple[str, ...]] = {}
    for name in names:
        mates = next((set(one) for one in together if name in one), {name})
        home = next((kind for kind in kinds if kind in mates), name)
        kinds[home] = (*kinds.get(home, ()), name)
    return kinds


def taken(domains: Domains, rows: Mapping[str, Rows]) -> Few:
    """These rows of these domains, one after the other."""
    chosen = [(domains[name], sorted_rows) for name, sorted_rows in rows.items()]
    return joined([Few(*domain)[few] for domain, few in chosen])


def joined(parts: Sequence[Few]) -> Few:
    return Few(
        np.concatenate([part.features for part in parts]),
        np.concatenate([part.groups for part in parts]),
    )
