"""The kernel two-sample test: is the night drawn from what a known kind is drawn from?

    k(x, y) = exp(-|x - y|² / 2 s²),    s = the median distance within both samples
    MMD² = mean_{i≠j} k(x_i, x_j) + mean_{i≠j} k(y_i, y_j) - 2 mean k(x_i, y_j)

A. Gretton et al., "A Kernel Two-Sample Test", Journal of Machine Learning Research 13 (2012): the
unbiased estimate, the median heuristic, and a permutation test, here of 999 permutations, on the
normalised last layer and on at most 500 documents a side. The level is that of our own test.

What is ours: a night is new if it differs from every known kind (the first that it does not
differ from settles it), and the score is the largest p seen, taken from one; the number for a
document is its mean kernel to the kind that it is nearest to, taken from one (the part of the
witness function that needs no night).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from pipeline.detectors.base import CHANCE, Alarm, Detector, Groups, Known, directions
from pipeline.kinds import Layers
from pipeline.layers import Array

MOST = 500
PERMUTATIONS = 999
Sample = npt.NDArray[np.float32]


@dataclass(frozen=True)
class TwoSample(Detector):
    """A sample of each known kind, and the squared median distance in it."""

    samples: tuple[Sample, ...]
    scales: tuple[float, ...]
    seed: int

    def look(self, features: Layers) -> Array:
        return directions(features[:, -1]).astype(np.float64)

    def rate(self, seen: Array) -> Array:
        near = [
            np.exp(-_squares(seen, sample) / (2 * scale)).mean(axis=1)
            for sample, scale in zip(self.samples, self.scales, strict=True)
        ]
        return np.asarray(1 - np.max(near, axis=0), np.float64)

    def judge(self, seen: Array, groups: Groups) -> Alarm:
        random = np.random.default_rng(self.seed)
        night = np.asarray(seen, np.float32)
        night = night[np.sort(random.permutation(len(night))[:MOST])]
        if len(night) < 2:
            return Alarm(False, 0.0)
        largest = 0.0
        for sample in self.samples:
            largest = max(largest, p_value(night, sample, random))
            if largest >= CHANCE:
                break
        return Alarm(largest < CHANCE, 1 - largest)


@dataclass(frozen=True)
class KernelTest:
    """
    >>> random = np.random.default_rng(0)
    >>> known = Known(random.normal(size=(300, 2, 8)) + 2, np.arange(300, dtype=np.uint64))
    >>> fitted = KernelTest().fit([known], seed=0)
    >>> fitted.alarm(random.normal(size=(60, 2, 8)) + 2, known.groups[:60]).new
    False
    >>> fitted.alarm(random.normal(size=(60, 2, 8)) + 1, known.groups[:60]).new
    True
    """

    def fit(self, known: Sequence[Known], seed: int) -> TwoSample:
        """The seed draws the samples and the permutations."""
        random = np.random.default_rng(seed)
        samples = []
        for kind in known:
            few = np.sort(random.permutation(len(kind.features))[:MOST])
            samples.append(directions(kind.features[few, -1]))
        scales = tuple(_middle(_squares(sample, sample)) for sample in samples)
        return TwoSample(tuple(samples), scales, seed)


def p_value(night: Sample, known: Sample, random: np.random.Generator) -> float:
    """The share of random partings that differ at least as much, the real one included.

    With one side marked by a in {0, 1}, the sums within and between the sides are quadratic
    forms of a in the kernel matrix, so all permutations are one product.
    """
    both = np.concatenate([night, known])
    squares = _squares(both, both)
    kernel = np.exp(-squares / (2 * _middle(squares)))
    np.fill_diagonal(kernel, 0)
    sides = np.zeros((PERMUTATIONS + 1, len(both)), np.float32)
    sides[:, : len(night)] = 1
    sides[1:] = random.permuted(sides[1:], axis=1)
    inside = np.einsum("pn,pn->p", sides @ kernel, sides)
    marked = sides @ kernel.sum(axis=1)
    m, n = len(night), len(known)
    between = marked - inside
    outside = kernel.sum() - inside - 2 * between
    mmd = inside / (m * (m - 1)) + outside / max(1, n * (n - 1)) - 2 * between / (m * n)
    # Partings that are alike must not differ by how their sums were rounded.
    return float((mmd >= mmd[0] - 1e-6).mean())


def _squares(x: npt.NDArray[np.floating], y: npt.NDArray[np.floating]) -> Sample:
    """Squared distances of vectors at length one."""
    return np.asarray(np.maximum(0, 2 - 2 * (x @ y.T)), np.float32)


def _middle(squares: Sample) -> float:
    """The squared median distance between different documents."""
    apart = squares[np.triu_indices(len(squares), 1)]
    return max(1e-6, float(np.median(apart))) if len(apart) else 1.0
