"""What every way of merging LoRA experts answers: one update for each layer out of several.

An expert changes a layer by W x + s B A x, with the same s = α / r for all. Merging works on B A.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from pipeline.experts.weights import Weights

DOWN, UP = "lora_A", "lora_B"


@dataclass(frozen=True)
class Update:
    """A layer's change: `up` (out, rank) times `down` (rank, in).

    >>> Update(torch.ones(1, 3), torch.ones(2, 1)).whole.tolist()
    [[1.0, 1.0, 1.0], [1.0, 1.0, 1.0]]
    """

    down: torch.Tensor
    up: torch.Tensor

    @property
    def rank(self) -> int:
        return len(self.down)

    @property
    def whole(self) -> torch.Tensor:
        return self.up @ self.down


class Merging(Protocol):
    """A way to merge: updates of one layer and their weights, to an update of at most this rank."""

    def __call__(self, updates: Sequence[Update], weights: Sequence[float], rank: int) -> Update:
        """The update that stands for all of them."""
        ...


def merged(
    experts: Sequence[Mapping[str, torch.Tensor]], weights: Sequence[float], merging: Merging
) -> Weights:
    """The weights of LoRA experts of one shape as those of one expert of that shape."""
    state: Weights = {}
    for down in [name for name in experts[0] if DOWN in name]:
        up = down.replace(DOWN, UP)
        updates = [Update(expert[down], expert[up]) for expert in experts]
        rank = updates[0].rank
        one = merging(updates, weights, rank)
        state[down], state[up] = _padded(one, rank)
    return {name: state[name] for name in experts[0]}


def factored(whole: torch.Tensor, rank: int) -> Update:
    """The nearest update of that rank (Eckart and Young), shared evenly by both factors.

    >>> update = factored(torch.diag(torch.tensor([4.0, 1.0])), rank=1)
    >>> update.whole.tolist()
    [[4.0, 0.0], [0.0, 0.0]]
    """
    left, sizes, right = torch.linalg.svd(whole.double(), full_matrices=False)
    root = sizes[:rank].sqrt()
    down, up = root[:, None] * right[:rank], left[:, :rank] * root
    return Update(down.to(whole.dtype).contiguous(), up.to(whole.dtype).contiguous())


def _padded(update: Update, rank: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Both factors with zeros up to the rank that the expert's config promises."""
    missing = rank - update.rank
    down = torch.nn.functional.pad(update.down, (0, 0, 0, missing))
    return down.contiguous(), torch.nn.functional.pad(update.up, (0, missing)).contiguous()
