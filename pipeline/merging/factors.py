"""Adding the factors, as peft's "linear" does: cheap, and not the sum of the updates.

    A = Σ √w_t A_t,      B = Σ √w_t B_t,      B A = Σ_t w_t B_t A_t + Σ_{s≠t} √(w_s w_t) B_s A_t

The second sum is nobody's update. It is here for comparison.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch

from pipeline.merging.base import Update
from pipeline.merging.core_space import weighted_sum


def factors(updates: Sequence[Update], weights: Sequence[float], rank: int) -> Update:
    """
    >>> one = Update(torch.ones(1, 1), torch.ones(1, 1))
    >>> round(factors([one, one], [0.5, 0.5], 1).whole.item(), 6)
    2.0
    """
    roots = torch.tensor(weights, dtype=updates[0].down.dtype).sqrt()
    return Update(
        weighted_sum([update.down for update in updates], roots),
        weighted_sum([update.up for update in updates], roots),
    )
