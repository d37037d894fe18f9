"""Weights between others: what lies on the way from one set to another, and the mean of several.

Sets of weights that were tuned from the same start lie in one basin: points between them are as
good as they are, and often better where the training data did not reach.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch

Weights = dict[str, torch.Tensor]


def between(
    start: Mapping[str, torch.Tensor], end: Mapping[str, torch.Tensor], w: float
) -> Weights:
    """(1 - w) start + w end.

    M. Wortsman et al., "Robust fine-tuning of zero-shot models", CVPR 2022.

    >>> between({"a": torch.zeros(1)}, {"a": torch.ones(1)}, 0.75)
    {'a': tensor([0.7500])}
    """
    return {name: torch.lerp(weight, end[name], w) for name, weight in start.items()}


def mean_of(several: Sequence[Mapping[str, torch.Tensor]]) -> Weights:
    """The mean of sets of weights.

    M. Wortsman et al., "Model soups", ICML 2022.

    >>> mean_of([{"a": torch.zeros(1)}, {"a": torch.ones(1)}])
    {'a': tensor([0.5000])}
    """
    return {name: torch.stack([one[name] for one in several]).mean(dim=0) for name in several[0]}
