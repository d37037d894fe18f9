"""After a verb's own work: MLflow is told, and a person hears only if it could not be."""

from __future__ import annotations

from typing import TYPE_CHECKING

from nightshift.cli.output import err

if TYPE_CHECKING:
    from state.store import Store


def tell_mlflow(store: Store) -> None:
    """Bring MLflow up to date. That it is down is worth a line on stderr, and no exit code."""
    from flows.mirror import mirror

    if err.is_terminal:
        with err.status("telling MLflow"):
            mirrored = mirror(store)
    else:
        mirrored = mirror(store)
    if mirrored.error:
        count = len(mirrored.waiting)
        what = "a version" if count == 1 else f"{count} versions"
        err.print(
            f"MLflow was not told of {what}: {mirrored.error}; the next update will catch up",
            markup=False,
        )
