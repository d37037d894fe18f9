"""Sequences made of others that may be too much for memory: each item is read when asked for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar, overload

import numpy as np
import numpy.typing as npt

T = TypeVar("T")


class Chosen(Sequence[T]):
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

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> Chosen[T]: ...

    def __getitem__(self, place: int | slice) -> T | Chosen[T]:
        if isinstance(place, slice):
            return Chosen(self._whole, self._rows[place])
        return self._whole[int(self._rows[place])]


class Joined(Sequence[T]):
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

    @overload
    def __getitem__(self, place: int) -> T: ...

    @overload
    def __getitem__(self, place: slice) -> Sequence[T]: ...

    def __getitem__(self, place: int | slice) -> T | Sequence[T]:
        if isinstance(place, slice):
            return Chosen(self, np.arange(len(self))[place])
        row = range(len(self))[place]
        part = int(np.searchsorted(self._ends, row, side="right"))
        return self._parts[part][row - (int(self._ends[part - 1]) if part else 0)]
