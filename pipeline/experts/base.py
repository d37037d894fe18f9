"""What every kind of expert can do: run the encoder through itself, and be kept as a folder."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar, Protocol, Self

import torch


class Expert(Protocol):
    """A small, frozen set of weights that changes how queries of one kind are encoded."""

    name: str
    method: ClassVar[str]
    learning_rate: ClassVar[float]
    epochs: ClassVar[int]
    """How often it hears its lessons."""
    story: str | None
    """What is to be told of how it came to be, beside what the gate says."""

    @property
    def parameter_count(self) -> int:
        """How many weights it adds."""
        ...

    def attached(self) -> AbstractContextManager[None]:
        """Inside, the encoder runs through this expert; outside, it is the frozen encoder again."""
        ...

    def blended(
        self, experts: Sequence[Any], weights: torch.Tensor
    ) -> AbstractContextManager[None]:
        """Inside, text i of a batch goes through Σ_e weights[i, e] · expert e, in one pass.

        The experts are of this one's method.
        """
        ...

    def copy(self, name: str) -> Self:
        """The same expert under another name."""
        ...

    def heir(self, name: str, seed: int, queries: Sequence[str]) -> Self:
        """An expert that starts where this one is, to learn from these queries."""
        ...

    def penalty(self, lengths: Sequence[int]) -> torch.Tensor | float:
        """What is added to the loss of a batch of texts of so many tokens that has just passed."""
        ...

    def settle(self, queries: Sequence[str]) -> None:
        """Its weights are final: take note of what taught it."""
        ...

    def trainable(self) -> list[torch.nn.Parameter]:
        """Open exactly this expert's weights for training and return them."""
        ...

    def freeze(self) -> None:
        """Close them again."""
        ...

    def state(self) -> dict[str, torch.Tensor]:
        """A copy of its weights."""
        ...

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        """Put a copy back."""
        ...

    def save(self, folder: Path) -> None:
        """Write it as plain files that others can read."""
        ...

    def rest_hash(self) -> str:
        """SHA-256 over every weight in the encoder that is not this expert's."""
        ...

    def detach(self) -> None:
        """Remove it from the encoder for good."""
        ...
