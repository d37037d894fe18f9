"""One FAISS file of many vectors, for programs that know nothing of segments."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import faiss
import numpy as np

from nightshift.errors import NothingToDo, UsageError
from pipeline.approximate import made, widen
from pipeline.encoder import Vectors
from pipeline.index import EXACT


def write_index(
    portions: Iterable[Vectors], dimension: int, file: Path, factory: str = EXACT
) -> int:
    """An inner-product index in which vector n has the number n; returns how many there are.

    FAISS files lie in memory as a whole, and an index that must be trained is trained on all of
    its vectors at once. Whoever reads the file searches as wide as the store does.
    """
    index = made(dimension, factory)
    if not index.is_trained:
        portions = _training(index, list(portions), factory)
    for some in portions:
        index.add(np.ascontiguousarray(some, np.float32))
    widen(index)
    faiss.write_index(index, str(file))
    return int(index.ntotal)


def _training(index: faiss.Index, portions: list[Vectors], factory: str) -> list[Vectors]:
    """Train an index; what it was trained on, in one piece."""
    if not portions:
        raise NothingToDo(
            f"no document is live, and the index factory {factory!r} must be trained on some",
            hint="nightshift update BATCH",
        )
    whole = np.concatenate(portions)
    try:
        index.train(whole)
    except RuntimeError as error:
        raise UsageError(
            f"{len(whole):,} vectors are too few for the index factory {factory!r}",
            hint="nightshift export vectors --out FOLDER",
        ) from error
    return [whole]
