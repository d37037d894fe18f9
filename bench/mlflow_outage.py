"""MLflow is killed between a night's publishing and its telling, and comes back a night later.

    python -m bench.mlflow_outage

With the real `mlflow server` on localhost. Prints what `update` would say at each step, and what
MLflow holds in the end: exactly one run and one model version for each version of the store.
"""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

from flows.bootstrap import bootstrap
from flows.mirror import QUIET_AND_QUICK, mirror
from flows.night import update
from nightshift.demo.corpora import corpora
from nightshift.demo.delivery import write_batch
from state.store import Store

FIRST, NIGHTLY = 80, 20
STARTS_WITHIN = 180.0
"""Seconds; on a busy machine MLflow's server takes most of a minute."""


class Server:
    """`mlflow server` on a port of its own; its database and artifacts outlive it."""

    def __init__(self, folder: Path) -> None:
        with socket.create_server(("127.0.0.1", 0)) as free:
            self.port = free.getsockname()[1]
        self.uri = f"http://127.0.0.1:{self.port}"
        self._folder = folder

    def start(self) -> None:
        command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1"]
        command += ["--port", str(self.port), "--workers", "1"]
        command += ["--backend-store-uri", f"sqlite:///{self._folder / 'server.db'}"]
        command += ["--artifacts-destination", str(self._folder / "artifacts")]
        with (self._folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdout=log,
                stderr=log,
                env={**os.environ, **QUIET_AND_QUICK},
                start_new_session=True,
            )
        deadline = time.monotonic() + STARTS_WITHIN
        while not self._answers():
            if time.monotonic() > deadline:
                raise TimeoutError((self._folder / "server.log").read_text()[-2000:])
            time.sleep(0.5)

    def kill(self) -> None:
        """SIGKILL to the server and its workers."""
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()

    def _answers(self) -> bool:
        try:
            with urllib.request.urlopen(f"{self.uri}/health", timeout=5) as page:
                return bool(page.status == 200)
        except OSError:
            return False


def outage(folder: Path) -> None:
    """Three versions, of which MLflow hears the first at once and the others later."""
    texts = list(next(iter(corpora())).texts)
    cuts = [0, FIRST, FIRST + NIGHTLY, FIRST + 2 * NIGHTLY]
    batches = [folder / name for name in ("first", "night-1", "night-2")]
    for batch, start, stop in zip(batches, cuts, cuts[1:], strict=False):
        write_batch(batch, "python", texts[start:stop])
    server = Server(folder)
    os.environ["MLFLOW_TRACKING_URI"] = server.uri
    server.start()
    try:
        bootstrap(folder / "library", batches[:1])
        store = Store.open(folder / "library")
        say("first corpus, MLflow up", store)
        update(store, batches[1:2])
        server.kill()
        say("night published, then MLflow killed", store)
        update(store, batches[2:])
        say("a night while MLflow is down", store)
        server.start()
        say("MLflow is back", store)
        say("once more", store)
        held(server.uri)
    finally:
        server.kill()


def say(what: str, store: Store) -> None:
    """Tell MLflow, and print what came of it."""
    started = time.monotonic()
    told = mirror(store)
    took = time.monotonic() - started
    print(f"{what}: live version {store.head().version}, told {list(told.told)},", end=" ")
    print(f"waiting {list(told.waiting)}, {took:.1f} s, {told.error or 'no error'}")


def held(uri: str) -> None:
    """Print what MLflow holds."""
    from mlflow import MlflowClient

    client = MlflowClient(uri)
    experiments = [each.experiment_id for each in client.search_experiments()]
    runs = Counter(run.info.run_name for run in client.search_runs(experiments))
    print(f"runs in MLflow: {dict(sorted(runs.items()))}")
    versions = client.search_model_versions("name = 'library'")
    print(f"model versions: {sorted(str(version.description) for version in versions)}")
    for alias in ("champion", "previous"):
        version = client.get_model_version_by_alias("library", alias)
        print(f"{alias}: {version.description}, files at {version.source}")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as scratch:
        outage(Path(scratch))
