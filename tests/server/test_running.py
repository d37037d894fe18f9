"""The command itself, on a socket."""

from __future__ import annotations

import json
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
from typer.testing import CliRunner

from nightshift.cli.main import app as command
from nightshift.errors import StoreDamaged, StoreMissing, UsageError
from nightshift.server.running import listen
from state.store import Store

ROOT = Path(__file__).parents[2]


@contextmanager
def served(store: Store, *words: str) -> Iterator[subprocess.Popen[str]]:
    """`nightshift serve` in a process of its own."""
    line = [sys.executable, "-m", "nightshift.cli.main", "serve", "--store", str(store.root)]
    told = {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(
        [*line, "--port", "0", *words],
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **told},
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def test_it_says_where_it_is_answers_and_ends_when_told(store: Store, tmp_path: Path) -> None:
    """Two of them over one store: one is told to end, the other is interrupted."""
    file = tmp_path / "searches.jsonl"
    with served(store, "--log", str(file)) as first, served(store, "--json") as second:
        assert first.stderr is not None
        assert second.stdout is not None
        line = first.stderr.readline()
        match = re.fullmatch(r"version 3 of \S+ at (http://127\.0\.0\.1:\d+) \(.*\)\n", line)
        assert match, line
        told = json.loads("".join(second.stdout.readline() for _ in range(4)))
        assert told["version"] == 3
        ends = ((first, match[1], signal.SIGTERM), (second, told["address"], signal.SIGINT))
        for process, address, ending in ends:
            with httpx.Client(base_url=address) as client:
                answer = client.post("/search", json={"query": "seatopicaa", "k": 3})
                assert len(answer.json()["answers"][0]["hits"]) == 3
                assert "server" not in answer.headers
                assert client.get("/versions/99").status_code == 404
            process.send_signal(ending)
            said = process.communicate(timeout=120)
            assert process.returncode == 0
            assert said == ("", "")
    assert file.read_text("utf-8").count("\n") == 1


def test_a_port_that_is_taken() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as other,
        pytest.raises(UsageError) as told,
    ):
        listen("127.0.0.1", other.getsockname()[1])
    assert "something else listens there" in told.value.message
    assert "--port 0" in str(told.value.hint)


def test_an_address_of_no_machine_here() -> None:
    with pytest.raises(UsageError, match="nothing can listen at"):
        listen("192.0.2.1", 0)


def test_a_store_that_cannot_be_opened(store: Store) -> None:
    registry = store.objects.open(store.manifest().modules["registry"])
    for file in registry.iterdir():
        file.chmod(0o600)
        file.write_text("{}")
    before = {one: signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)}
    try:
        done = CliRunner().invoke(command, ["serve", "--store", str(store.root), "--port", "0"])
    finally:
        for one, handler in before.items():
            signal.signal(one, handler)
    assert isinstance(done.exception, StoreDamaged), done.output


def test_no_store(tmp_path: Path) -> None:
    done = CliRunner().invoke(command, ["serve", "--store", str(tmp_path / "none")])
    assert isinstance(done.exception, StoreMissing)


def test_an_empty_token_is_none(store: Store, tmp_path: Path) -> None:
    (tmp_path / "token").write_text(" \n")
    words = ["serve", "--store", str(store.root), "--token-file", str(tmp_path / "token")]
    done = CliRunner().invoke(command, words)
    assert isinstance(done.exception, UsageError)
    assert "is empty" in done.exception.message
