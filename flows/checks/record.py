"""MLflow: where it is, and whether it has been told everything."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from flows.checks.check import Check, broken, ok, warning
from nightshift.errors import NightshiftError
from state.outbox import destination, waiting
from state.store import Store


def record(root: Path) -> Iterator[Check]:
    """A check of the place, and one of what waits to be told."""
    try:
        store = Store.open(root)
        to = destination(root)
        left = waiting(store, to)
    except NightshiftError as error:
        yield broken("MLflow", error.message, error.hint)
        return
    place = to.uri.split("@")[-1]
    if to.uri.startswith("file:") or "://" not in to.uri:
        yield broken(
            "MLflow",
            f"{place} is a file store, which MLflow has given up",
            "export MLFLOW_TRACKING_URI=http://SERVER:5000, or unset MLFLOW_TRACKING_URI",
        )
    else:
        yield ok("MLflow", place)
    if left:
        yield warning(
            "outbox",
            f"{len(left)} versions have still to be told",
            "nightshift update --inbox INBOX",
        )
    else:
        yield ok("outbox", "every version was told")
