"""What every routing rule answers: how much of each kind is in a query."""

from __future__ import annotations

from typing import Protocol

import numpy as np
import numpy.typing as npt

Table = npt.NDArray[np.float64]
"""(queries, kinds)"""


class Rule(Protocol):
    """Cosines to the nearest prototype of each kind, and the softmax's scale, to weights that are
    at least zero and sum to one."""

    def __call__(self, similarity: Table, sharpness: float) -> Table: ...
