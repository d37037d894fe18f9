"""Merging in core space: small matrices in bases that hold all updates without loss.

    V = right singular vectors of [A_1; ...; A_T]      U = left singular vectors of [B_1 ... B_T]
    M_t = Uᵀ B_t A_t V,      M = operator(M_1, ..., M_T),      B A = U M Vᵀ, cut to the rank

A. Panariello et al., "Accurate and Efficient Low-Rank Model Merging in Core Space", NeurIPS 2025;
as DAR (arXiv 2605.31229) merges the experts nearest to a query. U and V span all factors, so with a
linear operator and no cut the result is exactly the weighted sum of the updates; the cost depends
on the ranks and not on the width of the layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from pipeline.merging.base import Update, factored

Operator = Callable[[list[torch.Tensor], torch.Tensor], torch.Tensor]
"""Matrices of one size and their weights, to one matrix."""


def weighted_sum(matrices: list[torch.Tensor], weights: torch.Tensor) -> torch.Tensor:
    """Σ w_t M_t.

    >>> weighted_sum([torch.ones(1), torch.zeros(1)], torch.tensor([0.5, 0.5]))
    tensor([0.5000])
    """
    return torch.einsum("t,t...->...", weights, torch.stack(matrices))


@dataclass(frozen=True)
class CoreSpace:
    """An operator between the bases.

    >>> east, north = Update(torch.eye(2)[:1], torch.eye(2)[:, :1]), Update(
    ...     torch.eye(2)[1:], torch.eye(2)[:, 1:]
    ... )
    >>> CoreSpace()([east, north], [0.5, 0.5], rank=2).whole.round(decimals=6).tolist()
    [[0.5, 0.0], [0.0, 0.5]]
    """

    operator: Operator = weighted_sum

    def __call__(self, updates: Sequence[Update], weights: Sequence[float], rank: int) -> Update:
        downs = torch.cat([update.down for update in updates]).double()
        ups = torch.cat([update.up for update in updates], dim=1).double()
        right = torch.linalg.svd(downs, full_matrices=False).Vh.T
        left = torch.linalg.svd(ups, full_matrices=False).U
        cores = [
            (left.T @ update.up.double()) @ (update.down.double() @ right) for update in updates
        ]
        one = factored(self.operator(cores, torch.tensor(weights, dtype=torch.float64)), rank)
        dtype = updates[0].down.dtype
        down, up = one.down @ right.T, left @ one.up
        return Update(down.to(dtype).contiguous(), up.to(dtype).contiguous())
