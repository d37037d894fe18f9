"""A head: what comes after pooling, the same for a kind's queries and its documents.

    g(x) = normalise(x + W2 relu(W1 x + b1) + b2)

It learns on vectors that are there already and rewrites documents by two matrix products: nothing
is encoded. SB-MoE (arXiv 2510.15683) puts its experts in this place, added to what they correct.

Loss of a pair (query, document), over the candidates of pipeline/training.py but with an s of its
own, 1 / TEMPERATURE:

    -log  exp(s g(q)·g(d⁺)) / Σ_d exp(s g(q)·g(d))
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt
import torch
from safetensors.torch import load_file, save_file

from pipeline.encoder import Encoder, Vectors
from pipeline.experts.weights import Weights
from pipeline.progress import Progress, silent
from pipeline.training import Candidates, Lessons, Training, even, ranked, run

TEMPERATURE = 0.02
HIDDEN = 0.5
"""Units between the two matrices, as a share of the dimension."""
FRESH = 1e-3
"""Standard deviation of W2 at birth: the head begins as almost nothing."""
BATCH = 64
AT_ONCE = 65_536
FILE = "head.safetensors"


class Head:
    """Four tensors: W1 (hidden, dimension), b1, W2 (dimension, hidden), b2."""

    learning_rate = 2e-3
    epochs = 2

    def __init__(self, weights: Weights, name: str = "head") -> None:
        self.weights = weights
        self.name = name

    @classmethod
    def new(cls, dimension: int, seed: int) -> Self:
        """A fresh head, which changes next to nothing.

        >>> vectors = np.eye(4, dtype=np.float32)
        >>> bool(np.allclose(Head.new(4, seed=0).rewrite(vectors), vectors, atol=0.01))
        True
        """
        generator = torch.Generator().manual_seed(seed)
        hidden = max(1, int(HIDDEN * dimension))
        wide = dimension**-0.5
        return cls(
            {
                "w1": wide * (2 * torch.rand(hidden, dimension, generator=generator) - 1),
                "b1": torch.zeros(hidden),
                "w2": FRESH * torch.randn(dimension, hidden, generator=generator),
                "b2": torch.zeros(dimension),
            }
        )

    @classmethod
    def side_by_side(cls, heads: Sequence[Self], weights: Sequence[float]) -> Self:
        """One head whose change is the weighted sum of the others' changes: their units, together.

        >>> vectors = np.eye(4, dtype=np.float32)
        >>> one = Head.new(4, seed=0)
        >>> both = Head.side_by_side([one, one], [0.5, 0.5])
        >>> bool(np.allclose(both.rewrite(vectors), one.rewrite(vectors), atol=1e-6))
        True
        """
        states = [head.state() for head in heads]
        pairs = list(zip(weights, states, strict=True))
        return cls(
            {
                "w1": torch.cat([state["w1"] for state in states]),
                "b1": torch.cat([state["b1"] for state in states]),
                "w2": torch.cat([weight * state["w2"] for weight, state in pairs], dim=1),
                "b2": torch.stack([weight * state["b2"] for weight, state in pairs]).sum(dim=0),
            }
        )

    def __call__(self, vectors: torch.Tensor) -> torch.Tensor:
        w = self.weights
        inner = torch.relu(torch.nn.functional.linear(vectors, w["w1"], w["b1"]))
        change = torch.nn.functional.linear(inner, w["w2"], w["b2"])
        return torch.nn.functional.normalize(vectors + change, dim=1)

    def rewrite(self, vectors: Vectors) -> Vectors:
        """Vectors of queries or documents as the head sees them."""
        rewritten = np.empty_like(vectors)
        for start in range(0, len(vectors), AT_ONCE):
            with torch.inference_mode():
                # A copy: vectors may lie in a file that nobody may write to.
                part = torch.tensor(vectors[start : start + AT_ONCE])
                rewritten[start : start + AT_ONCE] = self(part).numpy()
        return rewritten

    @property
    def parameter_count(self) -> int:
        return sum(weight.numel() for weight in self.weights.values())

    def trainable(self) -> list[torch.Tensor]:
        """Open its weights."""
        return [weight.requires_grad_(True) for weight in self.weights.values()]

    def freeze(self) -> None:
        """Close them."""
        for weight in self.weights.values():
            weight.requires_grad_(False)

    @contextmanager
    def attached(self) -> Iterator[None]:
        """It stands beside the encoder: there is nothing to attach it to."""
        yield

    def state(self) -> Weights:
        return {name: weight.detach().clone() for name, weight in self.weights.items()}

    def save(self, folder: Path) -> None:
        save_file(self.state(), folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        return cls(load_file(folder / FILE))


def train_head(
    encoder: Encoder,
    head: Head,
    lessons: Lessons,
    *,
    minutes: float,
    seed: int,
    progress: Progress = silent,
) -> Training:
    """Teach a head in place."""
    started = time.monotonic()
    course = _Course(encoder, head, lessons, seed)
    return run(course, head, started, minutes=minutes, seed=seed, progress=progress)


class _Course(Candidates):
    """Lessons made ready: vectors of queries and of candidates."""

    batch = BATCH

    def __init__(self, encoder: Encoder, head: Head, lessons: Lessons, seed: int) -> None:
        super().__init__(lessons, seed)
        self.head = head
        self.frozen = torch.from_numpy(encoder.encode_queries(lessons.queries))

    def deal(self, rows: npt.NDArray[np.int64]) -> list[npt.NDArray[np.int64]]:
        return even(rows, self.batch)

    def loss(self, rows: npt.NDArray[np.int64]) -> torch.Tensor:
        """Mean loss of some queries."""
        columns, place = self.sampled(rows)
        logits = self.head(self.frozen[rows]) @ self.head(self.candidates[columns]).T
        return ranked(logits / TEMPERATURE, self.answers_among(rows, place))
