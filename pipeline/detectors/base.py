"""What every detector of new kinds of text answers: how new is a document, is a night new?

A method is fitted on the kinds that are known. Features are those of all layers, mean-pooled,
embeddings first and the last layer last; a method picks the layers that it looks at.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import numpy.typing as npt
from scipy.stats import binom

from pipeline.detector import NIGHTS_PER_YEAR
from pipeline.kinds import Layers, folds_of
from pipeline.layers import Array

FALSE_ALARMS_PER_YEAR = 1.0
CHANCE = FALSE_ALARMS_PER_YEAR / NIGHTS_PER_YEAR
"""How often a night of known text may be called new, for every rule that can be told so."""
QUANTILE = 0.95

Groups = npt.NDArray[np.uint64]
Learned = TypeVar("Learned")


@dataclass(frozen=True, eq=False)
class Known:
    """The documents of one known kind; what is learned of it alone is learned once."""

    features: Layers
    groups: Groups
    _learned: dict[object, Any] = field(default_factory=dict, repr=False)

    def once(self, key: object, learn: Callable[[], Learned]) -> Learned:
        """
        >>> kind = Known(np.zeros((1, 1, 1)), np.zeros(1, np.uint64))
        >>> kind.once("answer", lambda: 42), kind.once("answer", lambda: 43)
        (42, 42)
        """
        if key not in self._learned:
            self._learned[key] = learn()
        return cast(Learned, self._learned[key])


@dataclass(frozen=True)
class Alarm:
    """Whether a night is called new, and the number that the rule looked at."""

    new: bool
    score: float


class Detector(ABC):
    """A fitted method. `look` is done once a document; the rules work on what was seen."""

    @abstractmethod
    def look(self, features: Layers) -> Array:
        """What the rules need to know of each document, one row a document."""

    @abstractmethod
    def rate(self, seen: Array) -> Array:
        """One number a document, higher where it is newer."""

    @abstractmethod
    def judge(self, seen: Array, groups: Groups) -> Alarm:
        """Is this night, of at least one document, new?"""

    def score(self, features: Layers) -> Array:
        return self.rate(self.look(features))

    def alarm(self, features: Layers, groups: Groups) -> Alarm:
        if not len(features):
            return Alarm(False, 0.0)
        return self.judge(self.look(features), groups)


class Method(Protocol):
    """A way to detect, with its parameters; `fit` takes the kinds in the order they came in."""

    def fit(self, known: Sequence[Known], seed: int) -> Detector: ...


def parts(kind: Known) -> tuple[Layers, Layers]:
    """What to learn from, and about a fifth, by whole groups, to read thresholds off.

    Where either would be empty, all documents are both.

    >>> learn, read = parts(Known(np.ones((4, 1, 1)), np.array([0, 1, 2, 3], np.uint64)))
    >>> len(learn), len(read)
    (3, 1)
    """
    apart = folds_of(kind.groups) == 0
    if apart.all() or not apart.any():
        return kind.features, kind.features
    return kind.features[~apart], kind.features[apart]


def share_beyond(scores: Array, yardstick: Array) -> Alarm:
    """Do more documents than chance lets lie beyond the 95 % quantile of known ones?

    The exact test: P(Binomial(n, .05) >= those beyond) < CHANCE. This rule is ours, for methods
    whose papers give none for a night, or none with a number in it.

    >>> known = np.arange(100.0)
    >>> share_beyond(np.array([1.0, 99.0, 3.0]), known)
    Alarm(new=False, score=0.3333333333333333)
    >>> share_beyond(np.full(3, 99.0), known).new
    True
    """
    beyond = int((scores > np.quantile(yardstick, QUANTILE)).sum())
    p_value = float(binom.sf(beyond - 1, len(scores), 1 - QUANTILE))
    return Alarm(p_value < CHANCE, beyond / len(scores))


def directions(features: npt.ArrayLike) -> npt.NDArray[np.float32]:
    """Vectors along the last axis, at length one.

    >>> directions([[3.0, 4.0]]).tolist()
    [[0.6000000238418579, 0.800000011920929]]
    """
    vectors = np.asarray(features, np.float32)
    lengths = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return np.asarray(vectors / np.maximum(lengths, 1e-12), np.float32)
