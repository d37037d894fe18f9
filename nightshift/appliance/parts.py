"""The four parts: Prefect's server, the nights, the search service, MLflow's pages."""

from __future__ import annotations

import sys
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from flows.mirror import QUIET_AND_QUICK
from nightshift.appliance import place
from nightshift.appliance.child import Command
from nightshift.appliance.ports import HOST
from nightshift.appliance.watch import Part

PYTHON = (sys.executable, "-m")
RUNS = "/#/experiments/1/runs?workflowType=machine_learning"
"""Where MLflow lists nights; its first page is about traces, of which there are none. Ours is the
first experiment beside MLflow's own."""
QUIETLY = {
    "PYTHONSAFEPATH": "1",
    "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
    "PREFECT_LOGGING_COLORS": "false",
    "DO_NOT_TRACK": "1",
    "NO_COLOR": "1",
}
"""Prefect would report its use to its makers, and Python would import what lies in the folder that
`up` was typed in."""


def api_of(port: int) -> str:
    return f"http://{HOST}:{port}/api"


def at(api: str, folder: Path) -> dict[str, str]:
    """The environment of whoever talks to the Prefect server of this `up`."""
    return {
        **QUIETLY,
        "PREFECT_HOME": str(folder / "prefect"),
        "PREFECT_API_URL": api,
        "PREFECT_API_AUTH_STRING": place.password(folder),
    }


def prefect(folder: Path, port: int) -> Part:
    """A Prefect server on SQLite, in a home of its own that keeps it out of the user's; it listens
    to nobody without the password, and answers no page but its own."""
    address = f"http://{HOST}:{port}"
    changes = {
        **at(api_of(port), folder),
        "PREFECT_SERVER_API_HOST": HOST,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_API_AUTH_STRING": place.password(folder),
        "PREFECT_SERVER_CORS_ALLOWED_ORIGINS": address,
        "PREFECT_API_DATABASE_CONNECTION_URL": None,
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": None,
    }
    return Part(
        "Prefect",
        Command((*PYTHON, "prefect", "server", "start"), changes),
        _log(folder, "prefect"),
        works=_answers(f"{api_of(port)}/health"),
        told=lambda: f"{address}, which asks for what {folder / place.PASSWORD} holds",
    )


def nights(
    folder: Path,
    orders: str,
    ready: Path,
    told: Callable[[], str],
    changes: dict[str, str],
    may_start: Callable[[], bool],
) -> Part:
    """The process that carries out what is due; `ready` appears once it does."""

    def clean_start() -> bool:
        ready.unlink(missing_ok=True)
        return may_start()

    return Part(
        "nights",
        Command((*PYTHON, "flows.shift.served", orders), changes),
        _log(folder, "nights"),
        works=ready.exists,
        told=told,
        may_start=clean_start,
    )


def search(folder: Path, store: Path, port: int) -> Part:
    """The search service."""
    options = ("--store", str(store), "--host", HOST, "--port", str(port))
    address = f"http://{HOST}:{port}"
    return Part(
        "search",
        Command((*PYTHON, "nightshift.cli.main", "serve", *options), QUIETLY),
        _log(folder, "search"),
        works=_answers(f"{address}/health"),
        told=lambda: address,
    )


def mlflow(folder: Path, uri: str, receipts: Path, port: int) -> Part:
    """MLflow's pages over the file in the store; once a version was told, which makes the file."""
    options = ("--backend-store-uri", uri, "--host", HOST, "--port", str(port), "--workers", "1")
    changes = {**QUIETLY, **QUIET_AND_QUICK, "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}
    address = f"http://{HOST}:{port}"
    return Part(
        "MLflow",
        Command((*PYTHON, "mlflow", "server", *options), changes),
        _log(folder, "mlflow"),
        works=_answers(f"{address}/health"),
        told=lambda: address + RUNS,
        may_start=lambda: any(receipts.glob("*.json")),
    )


def _log(folder: Path, name: str) -> Path:
    return folder / "logs" / f"{name}.log"


def _answers(address: str) -> Callable[[], bool]:
    """Whether somebody answers there, whatever the answer is."""
    # Whatever proxy leads to the internet does not lead to this machine.
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def asked() -> bool:
        try:
            with direct.open(address, timeout=2.0):
                return True
        except urllib.error.HTTPError as answer:
            return answer.code < 500
        except OSError:
            return False

    return asked
