"""Eight writers at once: one is let in, and the other seven are told so within seconds."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from handmade import document, first_version

from state.store import Store

WRITERS = 8
CHILD = """
import json, sys, time
from pathlib import Path
from nightshift.errors import NightshiftError
from state.pins import pin
from state.store import Store
store = Store.open(Path(sys.argv[1]))
real = Store.manifest
# Whoever is let in stays until all have tried.
Store.manifest = lambda *a: (print('{"in": true}', flush=True), sys.stdin.readline(), real(*a))[2]
print('{"ready": true}', flush=True)
sys.stdin.readline()
began = time.monotonic()
try:
    pin(store, 1, "writer " + sys.argv[2])
    code = 0
except NightshiftError as error:
    code = error.exit_code
print(json.dumps({"code": code, "seconds": time.monotonic() - began}), flush=True)
"""


def test_exactly_one_of_eight_writers_is_let_in(tmp_path: Path) -> None:
    store = first_version(tmp_path / "store", [document("1")])
    root = str(Path(__file__).parents[2])
    environment = {**os.environ, "PYTHONPATH": root}
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", CHILD, str(store.root), str(number)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
        )
        for number in range(WRITERS)
    ]
    for writer in writers:
        assert json.loads(_said(writer)) == {"ready": True}
    for writer in writers:
        _tell(writer)
    first = [json.loads(_said(writer)) for writer in writers]
    let_in = [number for number, said in enumerate(first) if "in" in said]
    assert len(let_in) == 1
    assert [said["code"] for said in first if "code" in said] == [5] * (WRITERS - 1)
    assert all(said["seconds"] < 5 for said in first if "code" in said)
    _tell(writers[let_in[0]])
    assert json.loads(_said(writers[let_in[0]]))["code"] == 0
    for writer in writers:
        writer.communicate()
        assert writer.returncode == 0
    page = json.loads((store.root / "pins" / "00000001.json").read_text())["page"]
    assert page["reason"] == f"writer {let_in[0]}"
    assert Store.open(store.root).verify() == []


def _said(writer: subprocess.Popen[str]) -> str:
    assert writer.stdout is not None
    return writer.stdout.readline()


def _tell(writer: subprocess.Popen[str]) -> None:
    assert writer.stdin is not None
    writer.stdin.write("go\n")
    writer.stdin.flush()
