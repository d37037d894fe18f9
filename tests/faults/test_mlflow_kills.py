"""kill -9 between any two calls to MLflow: the next delivery leaves one complete run, not two.

One child process imports MLflow and tells both versions once, so that all is imported. For every
call that telling the second one takes, it forks a grandchild that kills itself there, and another
that tells again and looks at what is left.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from flows.mirror import QUIET_AND_QUICK

CHILD = """
import dataclasses, json, os, shutil, signal, sys
from pathlib import Path
import state.mirror
from mlflow import MlflowClient
from sqlalchemy import Engine, event
from state.mirror import deliver
from state.outbox import Destination
from state.record import Dataset, Record

root = Path(sys.argv[1])

class Mortal:
    left, seen = -1, []
    def __init__(self, **where):
        self.client = MlflowClient(**where)
    def __getattr__(self, name):
        Mortal.seen.append(name)
        Mortal.left -= 1
        if Mortal.left == -1:
            os.kill(os.getpid(), signal.SIGKILL)
        return getattr(self.client, name)

def record(version, aliases):
    page = Record(
        f"version {version}", f"{version}" * 64, "5" * 64, version, 1700000000000 + version, 1000,
        "sea", {"seed": "0"}, {"documents": 300.0 + version}, {"nightshift.kind": "night"},
        (Dataset("b", "d" * 64, "{}"),),
        {"decision.md": b"# why", "modules/router/r.json": b"{}"},
        aliases=aliases,
    )
    return dataclasses.replace(page, children=(page.part("gate", 10, {}, {"gain": 0.1}),))

first = record(1, {"champion": "1" * 64})
second = record(2, {"champion": "2" * 64, "previous": "1" * 64})

def place(file):
    return Destination(f"sqlite:///{file}", root / "artifacts")

def forked(work):
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def look(file):
    client = MlflowClient(place(file).uri)
    runs = client.search_runs([e.experiment_id for e in client.search_experiments()])
    versions = client.search_model_versions("name = 'sea'")
    by_run = {run.info.run_id: run.data.tags["nightshift.key"] for run in runs}
    return {
        "runs": sorted(by_run.values()),
        "unfinished": [r.info.run_name for r in runs if r.info.status != "FINISHED"],
        "undelivered": [r.info.run_name for r in runs if "mlflow.parentRunId" not in r.data.tags
                        and r.data.tags.get("nightshift.delivered") != "true"],
        "points": max(len(client.get_metric_history(r.info.run_id, m))
                      for r in runs for m in r.data.metrics),
        "metrics": sum(len(r.data.metrics) for r in runs),
        "datasets": sorted(len(r.inputs.dataset_inputs) for r in runs),
        "files": sorted(len(client.list_artifacts(r.info.run_id)) for r in runs),
        "versions": sorted(by_run[v.run_id] for v in versions),
        "aliases": {name: by_run[client.get_model_version_by_alias("sea", name).run_id]
                    for name in ("champion", "previous")},
    }

def tell(file, left):
    def work():
        state.mirror.MlflowClient = Mortal
        Mortal.left = left
        deliver(second, place(file))
        print(json.dumps(Mortal.seen), flush=True)
    return work

# Only a power cut loses what was not synced, and none is tested here.
event.listen(Engine, "connect", lambda link, _: link.execute("PRAGMA synchronous = OFF").close())
template, warm = root / "mlflow.db", root / "warm.db"
deliver(first, place(warm))
shutil.copy(warm, template)
deliver(second, place(warm))
look(warm)
counted = root / "counted.db"
shutil.copy(template, counted)
forked(tell(counted, -1))
forked(lambda: print(json.dumps(look(counted)), flush=True))
step = 0
while True:
    file = root / f"{step}.db"
    shutil.copy(template, file)
    if forked(tell(file, step)) == 0:
        break
    def again():
        deliver(second, place(file))
        print(json.dumps(look(file)), flush=True)
    if forked(again) != 0:
        sys.exit(1)
    step += 1
"""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Any]:
    """The calls of a delivery; what it left; what is there after a kill before each call."""
    folder = tmp_path_factory.mktemp("kills")
    (folder / "artifacts").mkdir()
    result = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder)],
        capture_output=True,
        text=True,
        env={**os.environ, **QUIET_AND_QUICK},
        check=False,
    )
    assert result.returncode == 0, result.stderr[-3000:]
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_call_was_hit(told: list[Any]) -> None:
    calls, _, *after_kills, last = told
    assert len(after_kills) == len(calls)
    assert last == calls
    assert {"create_run", "log_batch", "create_model_version", "set_tag"} <= set(calls)


def test_after_any_kill_the_next_delivery_leaves_what_one_delivery_leaves(told: list[Any]) -> None:
    calls, whole, *after_kills, _ = told
    one, two = "1" * 64, "2" * 64
    assert whole["runs"] == [one, f"{one}/gate", two, f"{two}/gate"]
    assert whole["unfinished"] == whole["undelivered"] == []
    assert whole["versions"] == [one, two]
    assert whole["aliases"] == {"champion": two, "previous": one}
    assert (whole["points"], whole["metrics"], whole["datasets"]) == (1, 4, [0, 0, 1, 1])
    for call, after in zip(calls, after_kills, strict=True):
        assert after == whole, f"killed before {call}"
