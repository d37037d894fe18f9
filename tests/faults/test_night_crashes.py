"""kill -9 during any step of a night: the store verifies, and the next update finishes the night.

One child process imports everything once; it then forks a grandchild for every step, which kills
itself there, and looks at what is left. Nothing has used threads before the fork.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import worlds

from flows.bootstrap import bootstrap

STEPS = [
    "flows.night.claim",
    "flows.night.ingest",
    "flows.night.shelve",
    "flows.night.look",
    "flows.night.decide",
    "flows.night.grow",
    "flows.night.save_modules",
    "flows.night.publish",
    "state.versions.link",
    "state.head.replace",
    "state.log.append",
]
CHILD = """
import importlib, json, os, shutil, signal, sys
from pathlib import Path
from flows.night import update
from nightshift.errors import NothingToDo
from state.store import Store

def kill(*args, **kwargs):
    os.kill(os.getpid(), signal.SIGKILL)

def forked(work):
    child = os.fork()
    if child == 0:
        try:
            work()
            os._exit(0)
        except NothingToDo:
            os._exit(3)
        except BaseException:
            import traceback
            traceback.print_exc()
            os._exit(1)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

root, batch, *steps = sys.argv[1:]
for place in steps:
    for when in ("before", "after"):
        copy = Path(f"{root}-{place}-{when}")
        shutil.copytree(root, copy)
        def killed_night():
            module, name = place.rsplit(".", 1)
            real = getattr(importlib.import_module(module), name)
            def hit(*args, **kwargs):
                if when == "after":
                    real(*args, **kwargs)
                kill()
            setattr(importlib.import_module(module), name, hit)
            update(Store.open(copy), [Path(batch)])
        died = forked(killed_night)
        store = Store.open(copy)
        seen = {"step": place, "when": when, "died": died, "head": store.head().version}
        seen["damage_after_kill"] = [d.what for d in store.verify()]
        seen["next"] = forked(lambda: update(Store.open(copy), [Path(batch)]))
        store = Store.open(copy)
        seen["damage_at_last"] = [d.what for d in store.verify()]
        seen["last"] = store.head().version
        seen["documents"] = store.manifest().facts["live_documents"]
        seen["logged"] = [line["to"] for line in store.log()]
        seen["left_in_tmp"] = len(list((copy / "tmp").iterdir()))
        shutil.rmtree(copy)
        print(json.dumps(seen), flush=True)
"""


@pytest.fixture(scope="module")
def crashes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, object]]:
    folder = tmp_path_factory.mktemp("crashes")
    encoder = worlds.save_tiny_encoder(folder / "encoder")
    first = worlds.write_batch(folder / "first", "sea", range(60))
    bootstrap(folder / "store", [first], encoder=str(encoder))
    extra: list[dict[str, object]] = [
        {"_id": "sea-1", "_deleted": True},
        {**worlds.document("sea", 99), "_id": "sea-2"},
    ]
    batch = worlds.write_batch(folder / "night", "sea", range(60, 80), extra=extra)
    result = subprocess.run(
        [sys.executable, "-c", CHILD, str(folder / "store"), str(batch), *STEPS],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_every_step_was_hit(crashes: list[dict[str, object]]) -> None:
    assert [(c["step"], c["when"]) for c in crashes] == [
        (step, when) for step in STEPS for when in ("before", "after")
    ]
    assert {c["died"] for c in crashes} == {-9}


def test_the_store_verifies_after_each_kill(crashes: list[dict[str, object]]) -> None:
    assert not [c for c in crashes if c["damage_after_kill"] or c["damage_at_last"]]
    assert {c["head"] for c in crashes} == {1, 2}


def test_the_next_update_finishes_the_night(crashes: list[dict[str, object]]) -> None:
    for crash in crashes:
        assert crash["next"] == (0 if crash["head"] == 1 else 3), crash
        assert crash["last"] == 2, crash
        assert crash["documents"] == 79, crash
        assert crash["logged"] == [1, 2] or (crash["head"] == 2 and crash["logged"] == [1]), crash
        assert crash["left_in_tmp"] == 0 or crash["head"] == 2, crash
