"""One FAISS file of many vectors, for programs that know nothing of segments."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import faiss
import numpy as np

from nightshift.errors import UsageError
from pipeline.encoder import Vectors
from pipeline.index import EXACT


def write_index(
    portions: Iterable[Vectors], dimension: int, file: Path, factory: str = EXACT
) -> int:
    """An inner-product index in which vector n has the number n; returns how many there are.

    FAISS files lie in memory as a whole, and an index that must be trained is trained on all of
    its vectors at once.
    """
    try:
        index = faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise UsageError(
            f"FAISS does not know the index factory {factory!r}", hint='use "Flat" or "HNSW32"'
        ) from error
    if not index.is_trained:
        portions = [np.concatenate(list(portions))]
        try:
            index.train(portions[0])
        except RuntimeError as error:
            raise UsageError(
                f"{len(portions[0]):,} vectors are too few for the index factory {factory!r}",
                hint="nightshift export vectors --out FOLDER",
            ) from error
    for some in portions:
        index.add(np.ascontiguousarray(some, np.float32))
    faiss.write_index(index, str(file))
    return int(index.ntotal)
