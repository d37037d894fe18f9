"""Layer statistics: what a kind of text looks like inside the encoder, as sums that merge.

A `Moments` holds enough of a set of feature vectors to give its mean, its covariance and the
Ledoit-Wolf shrinkage of that covariance, and two of them merge exactly: a night adds to what is
known without reading it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

import numpy as np
import numpy.typing as npt

Array = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Moments:
    """Centred sums over y = x - mean:  scatter = Σ y yᵀ,  third = Σ |y|² y,  fourth = Σ |y|⁴.

    >>> x = np.random.default_rng(0).normal(size=(60, 4))
    >>> both = Moments.of(x[:25]).merge(Moments.of(x[25:]))
    >>> np.allclose(both.scatter, Moments.of(x).scatter)
    True
    >>> from sklearn.covariance import ledoit_wolf
    >>> np.allclose(both.covariance(), ledoit_wolf(x)[0])
    True
    """

    count: int
    mean: Array
    scatter: Array
    third: Array
    fourth: float

    @classmethod
    def of(cls, features: npt.ArrayLike) -> Self:
        x = np.asarray(features, np.float64)
        mean = x.mean(axis=0) if len(x) else np.zeros(x.shape[1])
        y = x - mean
        squared = (y * y).sum(axis=1)
        return cls(len(x), mean, y.T @ y, squared @ y, float(squared @ squared))

    def merge(self, other: Self) -> Self:
        """The moments of both sets together."""
        count = self.count + other.count
        if not count:
            return self
        mean = (self.count * self.mean + other.count * other.mean) / count
        a, b = self._about(mean), other._about(mean)
        return type(self)(
            count, mean, a.scatter + b.scatter, a.third + b.third, a.fourth + b.fourth
        )

    def covariance(self) -> Array:
        """The Ledoit-Wolf estimate (1 - s) S + s (tr S / d) I, with its optimal weight s.

        O. Ledoit and M. Wolf, "A well-conditioned estimator for large-dimensional covariance
        matrices", Journal of Multivariate Analysis 88 (2004).
        """
        sample = self.scatter / self.count
        dimension = len(sample)
        level = np.trace(sample) / dimension
        spread = float((sample * sample).sum()) - dimension * level**2
        noise = (self.fourth / self.count - float((sample * sample).sum())) / self.count
        weight = min(1.0, max(0.0, noise / spread)) if spread > 0 else 1.0
        shrunk = (1 - weight) * sample
        shrunk[np.diag_indices(dimension)] += weight * level
        return shrunk

    def _about(self, centre: Array) -> Self:
        """The same sums about another centre: y becomes y + shift."""
        shift = self.mean - centre
        length = float(shift @ shift)
        along = self.scatter @ shift
        total = float(np.trace(self.scatter))
        scatter = self.scatter + self.count * np.outer(shift, shift)
        third = self.third + 2 * along + (total + self.count * length) * shift
        fourth = (
            self.fourth
            + 4 * float(self.third @ shift)
            + 4 * float(shift @ along)
            + 2 * length * total
            + self.count * length**2
        )
        return type(self)(self.count, centre, scatter, third, fourth)


@dataclass(frozen=True)
class Gaussian:
    """A mean and a whitening matrix; distances are Mahalanobis."""

    mean: Array
    whitening: Array

    @classmethod
    def fit(cls, moments: Moments) -> Self:
        """L⁻¹ for the Cholesky factor L of the shrunk covariance."""
        covariance = moments.covariance()
        # A set of identical documents has no spread at all; it must not divide by zero.
        covariance[np.diag_indices(len(covariance))] += 1e-8
        factor = np.linalg.cholesky(covariance)
        return cls(moments.mean, np.linalg.inv(factor))

    def distance(self, features: npt.ArrayLike) -> Array:
        """log d²(x), d² = (x - mean)ᵀ C⁻¹ (x - mean): the log tames the heavy upper tail."""
        y = (np.asarray(features, np.float64) - self.mean) @ self.whitening.T
        return np.asarray(np.log((y * y).sum(axis=1) + 1e-12))
