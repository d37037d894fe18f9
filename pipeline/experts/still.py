"""No adapter at all: an expert that leaves the encoder as it is, e(x) = f(x), and is all head.

What it knows stands after pooling, in a head over queries and documents alike (pipeline/head.py),
which is where SB-MoE puts its experts (E. Sokli et al., arXiv 2510.15683); the router is their
gate. Vectors that are there teach it, and two matrix products write its documents anew.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import torch

from pipeline.encoder import Encoder
from pipeline.experts.tuned import Tuned
from pipeline.experts.weights import Weights

FILE = "expert.json"


class StillExpert(Tuned):
    """Nothing to learn, and nothing that changes.

    >>> import numpy as np
    >>> from pipeline.checkpoint import default_checkpoint
    >>> encoder = Encoder(default_checkpoint())
    >>> expert = StillExpert.new(encoder, "e1", seed=0)
    >>> with expert.attached():
    ...     spoken = encoder.encode_queries(["who pays for the roof?"])
    >>> np.array_equal(spoken, encoder.encode_queries(["who pays for the roof?"]))
    True
    """

    method = "head"
    learning_rate = 0.0

    @classmethod
    def new(cls, encoder: Encoder, name: str, seed: int) -> Self:
        return cls(encoder, name)

    @classmethod
    def load(cls, encoder: Encoder, name: str, folder: Path) -> Self:
        return cls(encoder, name)

    def trainable(self) -> list[torch.nn.Parameter]:
        return []

    def state(self) -> Weights:
        return {}

    def detach(self) -> None:
        """It never moved in."""

    def save(self, folder: Path) -> None:
        (folder / FILE).write_text(json.dumps({"method": self.method}) + "\n", "utf-8")

    def _own(self) -> dict[str, torch.nn.Parameter]:
        return {}

    def _put(self, state: Weights) -> None:
        """There is nowhere to put anything."""

    def _config(self) -> Any:
        return None

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        yield

    @contextmanager
    def _summed(self, experts: Sequence[Any], weights: torch.Tensor) -> Iterator[None]:
        yield
