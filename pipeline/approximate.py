"""Approximate FAISS indexes: how one is made of a factory string, and how wide its searches look.

The store's own searches (pipeline/index.py) and the files it writes for others
(pipeline/one_index.py) look equally wide, so both find the same.
"""

from __future__ import annotations

import faiss
import numpy as np

from nightshift.errors import UsageError
from pipeline.encoder import Vectors

CANDIDATES = 256
"""What a search in a graph keeps in view."""
HINT = 'use "Flat" or "HNSW32"'


def made(dimension: int, factory: str) -> faiss.Index:
    """An empty inner-product index."""
    try:
        return faiss.index_factory(dimension, factory, faiss.METRIC_INNER_PRODUCT)
    except RuntimeError as error:
        raise UsageError(f"FAISS does not know the index factory {factory!r}", hint=HINT) from error


def trained(vectors: Vectors, factory: str) -> faiss.Index:
    """An index of these vectors."""
    index = made(vectors.shape[1], factory)
    vectors = np.ascontiguousarray(vectors, np.float32)
    try:
        index.train(vectors)
    except RuntimeError as error:
        raise UsageError(
            f"a segment of {len(vectors):,} vectors is too small for the index factory {factory!r}",
            hint=HINT,
        ) from error
    try:
        index.add(vectors)
    except RuntimeError as error:
        raise UsageError(
            f"an index of the factory {factory!r} takes no vectors", hint=HINT
        ) from error
    return index


def selective(index: faiss.Index, factory: str) -> faiss.Index:
    """The same index, if it can leave documents out: sooner or later each one must."""
    nothing = faiss.IDSelectorBitmap(np.zeros(-(-index.ntotal // 8), np.uint8))
    try:
        index.search(np.zeros((1, index.d), np.float32), 1, params=parameters(index, nothing))
    except RuntimeError as error:
        raise UsageError(
            f"an index of the factory {factory!r} cannot leave out what was deleted", hint=HINT
        ) from error
    return index


def parameters(
    index: faiss.Index, selector: faiss.IDSelector | None
) -> faiss.SearchParameters | None:
    """How to search an index for what the selector lets through."""
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexPreTransform):
        return faiss.SearchParametersPreTransform(index_params=parameters(index.index, selector))
    if isinstance(index, faiss.IndexRefine):
        return faiss.IndexRefineSearchParameters(
            k_factor=index.k_factor, base_index_params=parameters(index.base_index, selector)
        )
    if isinstance(index, faiss.IndexIVF):
        return faiss.SearchParametersIVF(sel=selector, nprobe=_lists(index))
    if isinstance(index, faiss.IndexHNSW):
        return faiss.SearchParametersHNSW(sel=selector, efSearch=CANDIDATES)
    return faiss.SearchParameters(sel=selector) if selector else None


def widen(index: faiss.Index) -> None:
    """Make searches without parameters look as wide as those with them."""
    index = faiss.downcast_index(index)
    if isinstance(index, faiss.IndexPreTransform):
        widen(index.index)
    elif isinstance(index, faiss.IndexRefine):
        widen(index.base_index)
    elif isinstance(index, faiss.IndexIVF):
        index.nprobe = _lists(index)
    elif isinstance(index, faiss.IndexHNSW):
        index.hnsw.efSearch = CANDIDATES


def _lists(index: faiss.IndexIVF) -> int:
    return max(8, int(index.nlist) // 8)
