"""Sequences made of others that may be too much for memory: each item is read when asked for."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import TypeVar, overload

import numpy as np
import numpy.typing as npt

T = TypeVar("T")


class OnDemand(Sequence[T]):
    """A sequence whose items are read by `_at`, for a row that is there; a slice reads nothing."""

    @abstractmethod
    def _at(self, row: int) -> T: ...

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> Chosen[T]: ...

    def __getitem__(self, place: int | slice) -> T | Chosen[T]:
        if isinstance(place, slice):
            return Chosen(self, range(len(self))[place])
        return self._at(range(len(self))[place])


class Chosen(OnDemand[T]):
    """Rows of a sequence, in the order of `rows`; nothing is copied.

    >>> vowels = Chosen("abcde", [0, 4])
    >>> list(vowels), vowels[1], list(vowels[1:])
    (['a', 'e'], 'e', ['e'])
    """

    def __init__(self, whole: Sequence[T], rows: npt.ArrayLike) -> None:
        self._whole = whole
        self._rows = np.asarray(rows, np.int64)

    def __len__(self) -> int:
        return len(self._rows)

    def _at(self, row: int) -> T:
        return self._whole[int(self._rows[row])]


class Joined(OnDemand[T]):
    """Several sequences, one after the other; nothing is copied.

    >>> both = Joined(["abc", "xy"])
    >>> "".join(both), both[3], both[-1]
    ('abcxy', 'x', 'y')
    """

    def __init__(self, parts: Sequence[Sequence[T]]) -> None:
        self._parts = parts
        self._ends = np.cumsum([len(part) for part in parts])

    def __len__(self) -> int:
        return int(self._ends[-1]) if len(self._ends) else 0

    def _at(self, row: int) -> T:
        part = int(np.searchsorted(self._ends, row, side="right"))
        return self._parts[part][row - (int(self._ends[part - 1]) if part else 0)]
