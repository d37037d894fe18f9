"""A real Prefect server in a process of its own, asked over its REST interface."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Thread, Timer
from typing import Any

from prefect.client.base import PrefectHttpxSyncClient

PATIENCE = 300.0
"""Seconds after which a process that says nothing is ended, which fails the test."""
Ask = Callable[[str, Any], Any]
"""What the server answers to a page sent to a path."""


def surroundings(home: Path) -> dict[str, str]:
    """An environment in which Prefect keeps to itself, at a port that is free."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    bin_folder = str(Path(sys.executable).parent)
    return {
        **os.environ,
        "PATH": f"{bin_folder}{os.pathsep}{os.environ['PATH']}",
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": f"http://127.0.0.1:{port}/api",
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_SERVER_DATABASE_TIMEOUT": str(PATIENCE),
        "PREFECT_SERVER_LOGGING_LEVEL": "INFO",
        "DO_NOT_TRACK": "1",
        "OMP_NUM_THREADS": "1",
    }


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[Ask]:
    """A Prefect server; called with a path and a page it gives what the server answers."""
    url = environment["PREFECT_API_URL"]
    with running(["prefect", "server", "start"], environment, patience=4 * PATIENCE) as process:
        wait_for(process, "Uvicorn running on")
        Thread(target=process.communicate, daemon=True).start()  # so that it is never kept waiting
        # Prefect's own client, which asks again where the server answers 503: "clients can retry".
        with PrefectHttpxSyncClient(base_url=url, timeout=PATIENCE) as client:
            yield lambda path, page: client.post(f"/{path}", json=page).raise_for_status().json()


@contextmanager
def running(
    command: list[str],
    environment: dict[str, str],
    folder: Path | None = None,
    patience: float = PATIENCE,
) -> Iterator[subprocess.Popen[str]]:
    """A process with all that it starts, which ends with the block: a worker outlives a signal."""
    process = subprocess.Popen(
        command,
        env=environment,
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    end = Timer(patience, os.killpg, (process.pid, signal.SIGKILL))
    end.start()
    try:
        with process:
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)
    finally:
        end.cancel()


def wait_for(process: subprocess.Popen[str], sign: str) -> str:
    """Read what the process prints up to the line with the sign."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if re.search(sign, line):
            return line
    raise AssertionError("it ended without a sign of it: " + "".join(said[-20:]))


def finished(command: list[str], environment: dict[str, str], folder: Path | None = None) -> str:
    done = subprocess.run(
        command, env=environment, cwd=folder, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
