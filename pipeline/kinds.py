"""A kind of text, as its documents look inside the frozen encoder.

Documents of one title (or, where there are no titles, single documents) form a group, and groups
are dealt into folds. Each fold keeps its own moments, so that every known document can be scored
by the Gaussians that never saw its group: those scores are the yardstick for new documents, which
are scored by the same Gaussians (cross-conformal prediction: V. Vovk, Annals of Mathematics and
Artificial Intelligence 74, 2015).
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
import numpy.typing as npt
from safetensors.numpy import load_file, save_file

from pipeline.layers import Array, Gaussian, Moments

FOLDS = 5
YARDSTICK = 2000
"""Known scores that a kind keeps at most once it grows, from all its documents alike."""
ENOUGH = 20_000
"""Documents that a kind's statistics are learned from at one time: more would not change them."""
AT_ONCE = 4_096
FILE = "statistics.safetensors"

Layers = npt.NDArray[np.floating]
"""(documents, layers, dimension): the features of the informative layers, or of all."""


@dataclass(frozen=True)
class KindStatistics:
    """`moments[fold][layer]`, and for known documents their out-of-fold `scores` and `groups`."""

    moments: tuple[tuple[Moments, ...], ...]
    scores: Array
    groups: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, features: Layers, groups: npt.NDArray[np.uint64]) -> Self:
        """Learn a kind from `features` (documents, layers, dimension)."""
        folds = folds_of(groups)
        moments = tuple(_moments(features[folds == fold]) for fold in range(FOLDS))
        untested = cls(moments, np.empty((0, features.shape[1])), groups[:0])
        return cls(moments, untested.out_of_fold(features, folds), groups)

    def grow(self, features: Layers, groups: npt.NDArray[np.uint64]) -> Self:
        """The kind after it has taken in more documents, which are scored before they count."""
        if not len(features):
            return self
        folds = folds_of(groups)
        moments = tuple(
            tuple(a.merge(b) for a, b in zip(old, _moments(features[folds == fold]), strict=True))
            for fold, old in enumerate(self.moments)
        )
        kept = _kept(len(self.scores), self.documents, len(features))
        scores = np.concatenate([self.scores, self.out_of_fold(features, folds)])
        return type(self)(moments, scores[kept], np.concatenate([self.groups, groups])[kept])

    @property
    def longest_group(self) -> int:
        """Documents of the largest group, as far as the scores go."""
        return int(np.unique(self.groups, return_counts=True)[1].max(initial=1))

    @property
    def documents(self) -> int:
        return sum(layers[0].count for layers in self.moments)

    def out_of_fold(self, features: Layers, folds: npt.NDArray[np.int64]) -> Array:
        """Each document's distance per layer, from the Gaussians of the other folds."""
        scores = np.empty(features.shape[:2])
        for fold in np.unique(folds):
            rows = np.flatnonzero(folds == fold)
            scores[rows] = _distances(self.gaussians[fold], features[rows])
        return scores

    def distances(self, features: Layers) -> Array:
        """A new document's distance per layer, averaged over the Gaussians of all folds."""
        total = np.zeros(features.shape[:2])
        for gaussians in self.gaussians:
            total += _distances(gaussians, features) / FOLDS
        return total

    def novelty(self, distances: Array) -> Array:
        """Mean over layers of the distance in units of the known documents' spread."""
        centre = np.median(self.scores, axis=0)
        spread = np.median(np.abs(self.scores - centre), axis=0) + 1e-9
        return np.asarray(((distances - centre) / spread).mean(axis=1))

    def surprise(self, features: Layers) -> Array:
        """The share of known documents that a document is farther out than (0 usual, 1 new)."""
        return self.rank(self.distances(features))

    def rank(self, distances: Array) -> Array:
        """`surprise` of documents whose distances are known."""
        known = np.sort(self.novelty(self.scores))
        return np.searchsorted(known, self.novelty(distances)) / max(1, len(known))

    def save(self, folder: Path) -> None:
        """Write as one safetensors file; scatters are symmetric, so half of them is kept."""
        dimension = len(self.moments[0][0].mean)
        half = np.tril_indices(dimension)
        flat = [moments for layers in self.moments for moments in layers]
        tensors: dict[str, npt.NDArray[Any]] = {
            "counts": np.array([m.count for m in flat], np.int64),
            "means": np.stack([m.mean for m in flat]),
            "scatters": np.stack([m.scatter[half] for m in flat]).astype(np.float32),
            "thirds": np.stack([m.third for m in flat]),
            "fourths": np.array([m.fourth for m in flat]),
            "scores": self.scores.astype(np.float32),
            "groups": self.groups,
        }
        save_file(tensors, folder / FILE)

    @classmethod
    def load(cls, folder: Path) -> Self:
        t = load_file(folder / FILE)
        dimension = t["means"].shape[1]
        half = np.tril_indices(dimension)
        flat = []
        for row in range(len(t["counts"])):
            scatter = np.zeros((dimension, dimension))
            scatter[half] = t["scatters"][row]
            scatter = scatter + np.tril(scatter, -1).T
            count, fourth = int(t["counts"][row]), float(t["fourths"][row])
            flat.append(Moments(count, t["means"][row], scatter, t["thirds"][row], fourth))
        layers = len(flat) // FOLDS
        moments = tuple(tuple(flat[f * layers : (f + 1) * layers]) for f in range(FOLDS))
        return cls(moments, t["scores"].astype(np.float64), t["groups"])

    @cached_property
    def centre(self) -> Array:
        """The mean of all documents at each layer: (layers, dimension)."""
        return np.stack([_merged(folds).mean for folds in zip(*self.moments, strict=True)])

    @cached_property
    def gaussians(self) -> tuple[tuple[Gaussian, ...], ...]:
        """`gaussians[fold][layer]`: fitted on everything but that fold."""
        return tuple(
            tuple(
                Gaussian.fit(_merged([layers[layer] for layers in self._without(fold)]))
                for layer in range(len(self.moments[0]))
            )
            for fold in range(FOLDS)
        )

    def _without(self, fold: int) -> list[tuple[Moments, ...]]:
        rest = [layers for other, layers in enumerate(self.moments) if other != fold]
        return rest if sum(layers[0].count for layers in rest) > 1 else list(self.moments)


def groups_of(
    titles: Sequence[str], ids: Sequence[str], longest: int | None = None
) -> npt.NDArray[np.uint64]:
    """A number per group: documents of one title belong together, untitled ones stand alone.

    Of a first corpus, titles that hardly differ (fewer than ten in all) tell nothing; then every
    document is alone. A night may well be of a few titles: there a title tells nothing where more
    documents have it than `longest`, the largest group among those that are known.

    >>> groups_of(["", ""], ["a", "b"]).tolist() == groups_of(["t", "t"], ["a", "b"]).tolist()
    True
    >>> len(set(groups_of(["t", "t", "u"], ["a", "b", "c"], longest=2).tolist()))
    2
    """
    if longest is not None:
        count = Counter(titles)
        titles = [title if count[title] <= longest else "" for title in titles]
    elif len(set(titles)) < 2 * FOLDS:
        titles = [""] * len(ids)
    names = [f"t{title}" if title else f"i{id_}" for title, id_ in zip(titles, ids, strict=True)]
    digests = [hashlib.sha256(name.encode("utf-8", "replace")).digest()[:8] for name in names]
    return np.array([int.from_bytes(digest, "big") for digest in digests], np.uint64)


def spread(rows: npt.NDArray[np.int64], most: int = ENOUGH) -> npt.NDArray[np.int64]:
    """At most so many of the rows, evenly spread over them.

    >>> spread(np.arange(10), 4)
    array([0, 3, 6, 9])
    """
    return rows[:: 1 + (len(rows) - 1) // most] if len(rows) else rows


def _kept(scores: int, documents: int, fresh: int) -> npt.NDArray[np.int64]:
    """Which of so many scores, which stand for so many documents, and of so many fresh ones to
    keep: evenly spread over both, as many of each as they have documents.

    >>> kept = _kept(2_000, 6_000, 2_000)
    >>> len(kept), int((kept >= 2_000).sum())
    (2000, 500)
    """
    if scores + fresh <= YARDSTICK:
        return np.arange(scores + fresh)
    new = min(fresh, max(YARDSTICK - scores, round(YARDSTICK * fresh / (documents + fresh))))
    old = min(scores, YARDSTICK - new)
    return np.concatenate([_even(scores, old), scores + _even(fresh, new)])


def _even(count: int, most: int) -> npt.NDArray[np.int64]:
    return np.linspace(0, count - 1, most).round().astype(np.int64)


def folds_of(groups: npt.NDArray[np.uint64]) -> npt.NDArray[np.int64]:
    return (groups % np.uint64(FOLDS)).astype(np.int64)


def _distances(gaussians: Sequence[Gaussian], features: Layers) -> Array:
    """Distance per document and layer, some documents at a time."""
    distances = np.empty(features.shape[:2])
    for start in range(0, len(features), AT_ONCE):
        part = features[start : start + AT_ONCE]
        for layer, gaussian in enumerate(gaussians):
            distances[start : start + AT_ONCE, layer] = gaussian.distance(part[:, layer])
    return distances


def _moments(features: Layers) -> tuple[Moments, ...]:
    return tuple(Moments.of(features[:, layer]) for layer in range(features.shape[1]))


def _merged(parts: Sequence[Moments]) -> Moments:
    total = parts[0]
    for part in parts[1:]:
        total = total.merge(part)
    return total
