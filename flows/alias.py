"""Which version an alias stands for in MLflow, where people may have moved it by hand.

The store never follows MLflow by itself: `nightshift rollback --to-alias champion` is somebody's
decision to do so, and what comes of it is a version like any other.
"""

from __future__ import annotations

import os

from flows.mirror import QUIET_AND_QUICK
from flows.record import model_name
from nightshift.errors import UsageError
from state.outbox import destination
from state.store import Store


def version_called(alias: str, store: Store) -> int:
    """The version of this store that the alias stands for."""
    to = destination(store.root)
    os.environ.update({**QUIET_AND_QUICK, **os.environ})
    from state.mirror import version_of

    version = version_of(alias, model_name(store.root), store.key(), to)
    if version is None:
        raise UsageError(
            f"MLflow knows no version of this store as {alias!r}", hint="nightshift history"
        )
    return version
