"""SEMA's rule: a linear autoencoder for each kind and block, and the z-score of its error.

    z_k(x) = | error_k(x) - mean_k | / sd_k
    a night is new     min_k mean over a batch of z_k > 2,    at any of the blocks, in any batch

H. Wang et al., "Self-Expansion of Pre-trained Models with Mixture of Adapters for Continual
Learning", CVPR 2025. As published: the descriptor takes the mean-pooled input of a block, d to
128 to d where d is 768, in the last quarter of the blocks; mean and deviation are those of the
last 500 errors; batches of 128; the threshold is 2. Two-sided, so a night that is too easy is
new as well.

What is ours: the descriptor in closed form (the best linear autoencoder is the principal
subspace: P. Baldi and K. Hornik, Neural Networks 2, 1989), d to d / 6 to d; errors kept of
documents it was not learned from, because a closed form fits its own better than some epochs do;
the number for a document is the mean over blocks of min_k z_k.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt

from pipeline.detectors.base import Alarm, Detector, Groups, Known, parts
from pipeline.kinds import Layers
from pipeline.layers import Array

NARROW = 768 / 128
LAST_BLOCKS = 1 / 4
BATCH = 128
KEPT = 500


@dataclass(frozen=True)
class Sema:
    """
    >>> random = np.random.default_rng(0)
    >>> known = Known(random.normal(size=(300, 3, 12)), np.arange(300, dtype=np.uint64))
    >>> fitted = Sema().fit([known], seed=0)
    >>> fitted.alarm(known.features, known.groups).new
    False
    >>> fitted.alarm(known.features + 3, known.groups).new
    True
    """

    threshold: float = 2.0

    def fit(self, known: Sequence[Known], seed: int) -> Descriptors:
        """The seed decides how documents of a night fall into batches."""
        blocks = inputs(known[0].features.shape[1])
        learned = tuple(kind.once(Sema, partial(_describe, kind, blocks)) for kind in known)
        return Descriptors(learned, blocks, self.threshold, seed)


@dataclass(frozen=True)
class Descriptor:
    """A centre and the axes (directions, dimension) that the autoencoder passes on."""

    centre: npt.NDArray[np.float32]
    axes: npt.NDArray[np.float32]
    mean: float
    deviation: float

    def error(self, features: npt.ArrayLike) -> Array:
        off = np.asarray(features, np.float32) - self.centre
        inside = off @ self.axes.T
        lost = (off * off).sum(axis=1) - (inside * inside).sum(axis=1)
        return np.asarray(np.maximum(lost, 0) / off.shape[1], np.float64)

    def z(self, features: npt.ArrayLike) -> Array:
        return np.asarray(np.abs(self.error(features) - self.mean) / self.deviation)


@dataclass(frozen=True)
class Descriptors(Detector):
    """`kinds[kind][block]`."""

    kinds: tuple[tuple[Descriptor, ...], ...]
    blocks: tuple[int, ...]
    threshold: float
    seed: int

    def look(self, features: Layers) -> Array:
        """z (documents, kinds, blocks)."""
        return np.stack(
            [
                np.stack(
                    [d.z(features[:, b]) for d, b in zip(kind, self.blocks, strict=True)], axis=1
                )
                for kind in self.kinds
            ],
            axis=1,
        )

    def rate(self, seen: Array) -> Array:
        return np.asarray(seen.min(axis=1).mean(axis=1))

    def judge(self, seen: Array, groups: Groups) -> Alarm:
        """The score is the largest that any batch has at any block; none is a mere rest."""
        order = np.random.default_rng(self.seed).permutation(len(seen))
        most = max(
            float(seen[batch].mean(axis=0).min(axis=0).max())
            for batch in np.array_split(order, -(-len(order) // BATCH))
        )
        return Alarm(most > self.threshold, most)


def inputs(layers: int) -> tuple[int, ...]:
    """The features that enter the last quarter of the blocks, at least one.

    >>> inputs(13), inputs(7)
    ((9, 10, 11), (4, 5))
    """
    blocks = layers - 1
    last = max(1, int(np.ceil(blocks * LAST_BLOCKS)))
    return tuple(range(max(0, blocks - last), max(1, blocks)))


def _describe(kind: Known, blocks: Sequence[int]) -> tuple[Descriptor, ...]:
    learn, read = parts(kind)
    return tuple(_learned(learn[:, block], read[:, block]) for block in blocks)


def _learned(learn: npt.ArrayLike, read: npt.NDArray[np.floating]) -> Descriptor:
    learn = np.asarray(learn, np.float64)
    centre = learn.mean(axis=0)
    dimension = len(centre)
    _, axes = np.linalg.eigh((learn - centre).T @ (learn - centre))
    passed = axes[:, dimension - max(1, int(dimension / NARROW)) :].T.astype(np.float32)
    untold = Descriptor(centre.astype(np.float32), passed, 0.0, 1.0)
    errors = untold.error(read[-KEPT:])
    return Descriptor(untold.centre, passed, float(errors.mean()), float(errors.std()) + 1e-9)
