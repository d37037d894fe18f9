"""After a night: MLflow is told, if it can be reached, and nothing waits for it if it cannot.

Telling happens in a process of its own. MLflow's import, its chatter and its threads stay out of
ours, and one that hangs in a way that no timeout of its own catches is ended.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass

from nightshift.errors import NightshiftError
from state.outbox import Destination, destination, waiting
from state.store import Store

PATIENCE = 120.0
"""Seconds in which at least one version must have been told. An MLflow that is down says so much
sooner, see QUIET_AND_QUICK; this is for one that answers a byte at a time."""
QUIET_AND_QUICK = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "DO_NOT_TRACK": "true",
    "MLFLOW_CONFIGURE_LOGGING": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "GIT_PYTHON_REFRESH": "quiet",
    # No retries: the next update is one.
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "10",
    "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "0",
}
"""What MLflow is asked to do without, unless the user's environment says otherwise."""


@dataclass(frozen=True)
class Mirrored:
    """Which versions MLflow was told now, which it has still to be told, and why."""

    told: tuple[int, ...]
    waiting: tuple[int, ...]
    error: str | None


def mirror(store: Store) -> Mirrored:
    """Tell MLflow every version it has not been told. Never raises: the store is the truth."""
    try:
        to = destination(store.root)
        before = _numbers(store, to)
        if not before:
            return Mirrored((), (), None)
        error = _deliver(store, to)
        left = _numbers(store, to)
    except (NightshiftError, OSError) as problem:
        return Mirrored((), (), str(problem))
    told = tuple(number for number in before if number not in left)
    return Mirrored(told, left, error if left else None)


def _numbers(store: Store, to: Destination) -> tuple[int, ...]:
    return tuple(manifest.version for manifest in waiting(store, to))


def _deliver(store: Store, to: Destination) -> str | None:
    """Run the delivery for as long as it gets somewhere; None, or what went wrong."""
    command = [sys.executable, "-P", "-m", "flows.deliver", str(store.root.resolve())]
    process = subprocess.Popen(
        command,
        env={**QUIET_AND_QUICK, **os.environ},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    with process:
        left = _numbers(store, to)
        try:
            while True:
                try:
                    printed, _ = process.communicate(timeout=PATIENCE)
                    break
                except subprocess.TimeoutExpired:
                    if _numbers(store, to) == left:
                        return f"it did not get through within {PATIENCE:.0f} seconds"
                    left = _numbers(store, to)
        finally:
            process.kill()
    return None if process.returncode == 0 else _said(printed, process.returncode)


def _said(printed: str, code: int) -> str:
    try:
        return str(json.loads(printed)["error"])
    except (ValueError, TypeError, KeyError):
        return f"the process that tells it ended with code {code}"
