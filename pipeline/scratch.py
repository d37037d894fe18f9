"""Arrays that may be larger than memory: those lie in a file that nobody can see."""

from __future__ import annotations

import tempfile
from typing import Any

import numpy as np
import numpy.typing as npt

IN_MEMORY = 2**27
"""Bytes up to which an array stays in memory."""


def room(shape: tuple[int, ...], dtype: npt.DTypeLike) -> npt.NDArray[Any]:
    """An array to be filled; the file of a large one is gone when it is, also after a kill.

    >>> room((2, 3), np.float16).shape
    (2, 3)
    """
    if int(np.prod(shape)) * np.dtype(dtype).itemsize <= IN_MEMORY:
        return np.empty(shape, dtype)
    with tempfile.TemporaryFile() as file:
        return np.memmap(file, dtype, "w+", shape=shape)
