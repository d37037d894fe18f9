"""Which documents were purged: known by the hashes of their names, and by nothing else."""

from __future__ import annotations

import hashlib

from pipeline.documents import Key
from state.ledger import Ledger
from state.store import Store


def hashed(key: Key) -> str:
    """A document's name for those who have it already, and for nobody else."""
    return hashlib.sha256("\0".join(key).encode("utf-8", "surrogatepass")).hexdigest()


def purged_since(store: Store, digest: str) -> frozenset[str]:
    """The hashed names of what was purged since this batch was first known.

    A batch that was there before a purge says nothing new by coming again.
    """
    first = Ledger.read(store).first.get(digest)
    if first is None:
        return frozenset()
    purges = [one for one in store.history() if one.kind == "purge" and one.version > first]
    return frozenset(one.facts["purge"]["key_hash"] for one in purges)
