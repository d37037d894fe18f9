"""DARE: most of each change is dropped at random, what is left is scaled up, and all is added.

    M = Σ w_t (mask_t ∘ M_t) / KEPT,      mask_t ~ Bernoulli(KEPT)

L. Yu et al., "Language Models are Super Mario", ICML 2024. The arithmetic is peft's; the seed is
ours, so that the same experts always make the same one.
"""

from __future__ import annotations

import torch
from peft.utils.merge_utils import dare_linear

KEPT = 0.5


def dare(matrices: list[torch.Tensor], weights: torch.Tensor) -> torch.Tensor:
    """
    >>> same = [dare([torch.ones(8, 8)], torch.ones(1)) for _ in range(2)]
    >>> torch.equal(*same), sorted(set(same[0].flatten().tolist()))
    (True, [0.0, 2.0])
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return dare_linear(matrices, weights.to(matrices[0].dtype), KEPT)
