"""The lock: one writer, no wait, and nothing left to clean when the writer dies."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from nightshift.errors import StoreBusy
from state.lock import writing

HOLD = """
import sys
from pathlib import Path
from state.lock import writing
with writing(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def holder(root: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(root)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_a_second_process_is_told_who_writes_and_a_kill_frees_the_lock(tmp_path: Path) -> None:
    with holder(tmp_path) as process:
        with pytest.raises(StoreBusy, match=f"process {process.pid} on ") as caught:
            writing(tmp_path).__enter__()
        assert caught.value.hint == "wait for it to end, then type the same command again"
        assert caught.value.exit_code == 5
        process.kill()
    with writing(tmp_path):
        pass


def test_the_file_stays_and_names_the_last_writer(tmp_path: Path) -> None:
    for _ in range(2):
        with writing(tmp_path):
            pass
    assert f'"pid": {os.getpid()}' in (tmp_path / "lock").read_text()


def test_an_unreadable_note_is_no_obstacle(tmp_path: Path) -> None:
    (tmp_path / "lock").write_bytes(b"\xff" * 9000)
    with writing(tmp_path):
        (tmp_path / "lock").write_bytes(b"[]")
        with pytest.raises(StoreBusy, match="another process is writing"):
            writing(tmp_path).__enter__()


# Newer Pythons warn of forks beside other tests' threads; this child only reads and exits.
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")
def test_a_forked_child_does_not_prolong_the_lock(tmp_path: Path) -> None:
    read_end, write_end = os.pipe()
    with writing(tmp_path):
        child = os.fork()
        if child == 0:
            os.close(write_end)
            os.read(read_end, 1)
            os._exit(0)
    with writing(tmp_path):
        pass
    os.close(write_end)
    os.close(read_end)
    assert os.waitpid(child, 0)[1] == 0


def test_an_error_inside_frees_the_lock(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), writing(tmp_path):
        raise ZeroDivisionError
    with writing(tmp_path):
        pass
