"""kill -9 before and after every step of a command, and what the store and its next run make of it.

Run as a child that imports everything once; it forks a grandchild for every step, which kills
itself there, and prints what is left as a line of JSON. Nothing has used threads before the fork.
"""

from __future__ import annotations

import importlib
import io
import json
import os
import shutil
import signal
import subprocess
import sys
import traceback
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any
from unittest.mock import patch

import handmade
import pyarrow.parquet as pq

from flows.approval import approve, reject
from flows.compact import compact
from flows.consolidate import consolidate
from flows.live import open_live
from flows.migration import migrate
from flows.night import update
from flows.purge import purge
from flows.retire import retire
from flows.rollback import rollback
from flows.teaching import teach
from nightshift.cli import main as face
from nightshift.errors import NothingToDo
from state.retention import gc
from state.store import Store

COMMANDS: dict[str, Callable[[Store, str], object]] = {
    "update": lambda store, batch: update(store, [Path(batch)]),
    "rollback": lambda store, to: rollback(store, int(to), "a test", documents=True),
    "compact": lambda store, _: compact(store),
    "gc": lambda store, keep: gc(store, int(keep)),
    "purge": lambda store, id_: purge(store, ("default", id_)),
    "approve": lambda store, expert: approve(store, expert),
    "reject": lambda store, expert: reject(store, expert, "a test"),
    "retire": lambda store, expert: retire(store, expert, "a test"),
    "teach": lambda store, kind: teach(store, kind),
    "consolidate": lambda store, may_cost: _consolidated(store, float(may_cost)),
    "migrate": lambda store, encoder: migrate(store, encoder, anyway=True),
}
Crash = dict[str, Any]


Plan = dict[str, tuple[str, list[str]]]
"""Command -> its argument and its steps."""


def _consolidated(store: Store, may_cost: float) -> None:
    """Two experts of a small world always cost their kinds something."""
    with patch("flows.consolidate.MAY_COST", may_cost), patch("flows.consolidate.harm", _nobody):
        consolidate(store)


def _nobody(changes: object, tolerance: float) -> None:
    return None


def crashes(root: Path, plan: Plan) -> list[Crash]:
    """What a child saw: a crash before and one after each of these steps, in order."""
    words = [sys.executable, __file__, str(root), json.dumps(plan)]
    folders = [str(Path(__file__).parents[1]), str(Path(__file__).parent)]
    result = subprocess.run(
        words,
        capture_output=True,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1", "PYTHONPATH": os.pathsep.join(folders)},
    )
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def spoken(root: Path) -> str:
    """All that any file says: values of parquet files, and the bytes of every file."""
    said = []
    for path in sorted(root.rglob("*")):
        if path.is_file():
            said.append(path.read_bytes().decode("latin-1"))
            if path.suffix == ".parquet":
                said.append(str(pq.read_table(path).to_pydict()))
    return "\n".join(said)


def typed(*words: object) -> tuple[int, str]:
    """How `nightshift` with these words ends in this process, and what it says on stderr."""
    said = io.StringIO()
    argv = patch.object(sys, "argv", ["nightshift", *map(str, words)])
    with argv, redirect_stdout(io.StringIO()), redirect_stderr(said):
        try:
            face.run()
        except SystemExit as leaving:
            return int(leaving.code or 0), said.getvalue()
    raise AssertionError("the command did not end")


def moments(steps: list[str]) -> list[tuple[str, str]]:
    """When to kill: before each step, and after the last; after one is before the next."""
    return [*((step, "before") for step in steps), (steps[-1], "after")]


def main() -> None:
    # Only a power cut loses what was not synced, and none is tested here.
    os.fsync = lambda _: None  # type: ignore[assignment]
    plan: Plan = json.loads(sys.argv[2])
    for command, (argument, steps) in plan.items():
        for step, when in moments(steps):
            _crash(Path(sys.argv[1]), command, argument, step, when)


def _crash(root: Path, name: str, argument: str, step: str, when: str) -> None:
    command = COMMANDS[name]
    copy = root.with_name(f"{name}-{step}-{when}")
    shutil.copytree(root, copy)
    died = forked(lambda: _killed(copy, command, argument, step, when))
    seen: Crash = {"command": name, "step": step, "when": when, "died": died}
    seen.update(_state(copy, "kill"))
    seen["next"] = forked(lambda: command(Store.open(copy), argument))
    seen.update(_state(copy, "last"))
    seen["says"] = argument in spoken(copy)
    shutil.rmtree(copy)
    print(json.dumps(seen), flush=True)


def _state(root: Path, when: str) -> Crash:
    store = Store.open(root)
    state = {
        "damage": [damage.what for damage in store.verify()],
        "head": store.head().version,
        "documents": store.manifest().facts["live_documents"],
        "experts": store.manifest().facts.get("live_experts"),
        "candidates": store.manifest().facts.get("candidates"),
        "encoder": store.manifest().encoder["name"],
        "logged": [line["to"] for line in store.log()],
        "tmp": len(list((root / "tmp").iterdir())),
        "objects": len(store.objects.all_ids()),
    }
    if store.manifest().encoder == handmade.ENCODER:
        with open_live(store) as live:
            state["answers"] = handmade.answers(live, [f"query {n}" for n in range(8)], 4)
    return {f"{name}_at_{when}": value for name, value in state.items()}


def _killed(root: Path, command: Any, argument: str, step: str, when: str) -> None:
    owner, name = found(step)
    real = getattr(owner, name)

    def hit(*args: Any, **kwargs: Any) -> None:
        if when == "after":
            real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, hit)
    command(Store.open(root), argument)


def found(step: str) -> tuple[Any, str]:
    """The module or the class that a step is an attribute of."""
    place, name = step.rsplit(".", 1)
    try:
        return importlib.import_module(place), name
    except ModuleNotFoundError:
        module, owner = place.rsplit(".", 1)
        return getattr(importlib.import_module(module), owner), name


def forked(work: Callable[[], object]) -> int:
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except NothingToDo:
            os._exit(3)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


if __name__ == "__main__":
    main()
