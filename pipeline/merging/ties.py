"""TIES: small changes are dropped, signs are elected, and those that disagree stay out.

    keep the KEPT largest entries of each;  sign = sign(Σ M_t);  mean of T w_t M_t of that sign

T matrices, whose weights sum to one: with equal ones it is the mean of those that agree, and twins
are kept as they are.

P. Yadav et al., "TIES-Merging: Resolving Interference When Merging Models", NeurIPS 2023. The
arithmetic is peft's.
"""

from __future__ import annotations

import torch
from peft.utils.merge_utils import ties as peft_ties

KEPT = 0.5


def ties(matrices: list[torch.Tensor], weights: torch.Tensor) -> torch.Tensor:
    """
    >>> up, down = torch.tensor([[4.0, 0.1]]), torch.tensor([[-1.0, 0.2]])
    >>> ties([up, down], torch.tensor([0.5, 0.5]))
    tensor([[4., 0.]])
    >>> ties([up, up], torch.tensor([0.5, 0.5]))
    tensor([[4., 0.]])
    """
    return peft_ties(matrices, len(matrices) * weights.to(matrices[0].dtype), KEPT)
