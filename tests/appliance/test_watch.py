"""Parts that die are started again, for as long as that makes sense; what is ended is ours."""

from __future__ import annotations

import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from nightshift.appliance import child
from nightshift.appliance.child import Command
from nightshift.appliance.watch import PAUSES, Part, Watched, end
from nightshift.errors import NightshiftError

PATIENCE = 60.0
ELSEWHERE = """
import subprocess, sys, time
subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"], start_new_session=True)
time.sleep(600)
"""
"""A part whose child leaves its process group, as servers' children do."""


Watching = Callable[..., Watched]


@pytest.fixture
def mark() -> str:
    return secrets.token_hex(16)


@pytest.fixture
def watching(mark: str) -> Iterator[Watching]:
    """Watch over a part that ends with the test."""
    all_of_them: list[Watched] = []

    def watch(part: Part, pauses: Sequence[float] = PAUSES) -> Watched:
        all_of_them.append(Watched(part, mark, pauses))
        return all_of_them[-1]

    yield watch
    end(all_of_them, grace=0.0)


def part(tmp_path: Path, program: str, name: str = "search") -> Part:
    command = Command((sys.executable, "-c", program), {})
    return Part(name, command, tmp_path / f"{name}.log", lambda: True, lambda: "somewhere")


def looked(watched: Watched, lines: int) -> list[str]:
    """What is said until there are so many lines."""
    said: list[str] = []
    until = time.monotonic() + PATIENCE
    while len(said) < lines:
        assert time.monotonic() < until, said
        line = watched.look(time.monotonic())
        said += [line] if line else []
        time.sleep(0.01)
    return said


def alive(mark: str, count: int) -> None:
    """Wait until so many processes carry the mark."""
    until = time.monotonic() + PATIENCE
    while len(list(child.marked(mark))) != count:
        assert time.monotonic() < until
        time.sleep(0.05)


def test_a_part_that_dies_is_started_again_and_says_so(
    tmp_path: Path, mark: str, watching: Watching
) -> None:
    watched = watching(part(tmp_path, ELSEWHERE), pauses=(0.01,))
    assert looked(watched, 1) == ["search   somewhere"]
    alive(mark, 2)
    for process in child.marked(mark):
        process.kill()
    assert looked(watched, 2) == [
        "search ended with signal 9; it is started again in 0.01 s",
        "search   is back: somewhere",
    ]


def test_a_part_that_dies_again_and_again_is_given_up_in_one_sentence(
    tmp_path: Path, watching: Watching
) -> None:
    dying = part(tmp_path, "print('no room'); raise SystemExit(7)")
    with pytest.raises(NightshiftError, match=r"search ended 3 times.*code 7: no room") as told:
        looked(watching(dying, pauses=(0.01, 0.01)), 10)
    assert told.value.hint == f"tail {tmp_path / 'search.log'}"


def test_the_pauses_grow() -> None:
    assert list(PAUSES) == sorted(set(PAUSES))


def test_what_a_dead_part_had_started_is_gone_before_it_starts_again(
    tmp_path: Path, mark: str, watching: Watching
) -> None:
    watched = watching(part(tmp_path, ELSEWHERE), pauses=(600.0,))
    looked(watched, 1)
    alive(mark, 2)
    next(one for one in child.marked(mark) if "subprocess" in one.cmdline()[-1]).kill()
    looked(watched, 1)
    alive(mark, 0)


def test_an_end_is_the_end_of_all_that_is_ours_and_of_nothing_else(
    tmp_path: Path, mark: str, watching: Watching
) -> None:
    stranger = [sys.executable, "-c", "import time; time.sleep(600)"]
    ours = watching(part(tmp_path, ELSEWHERE))
    kept = watching(part(tmp_path, ELSEWHERE, name="Prefect"))
    with subprocess.Popen(stranger) as other:
        try:
            looked(ours, 1)
            looked(kept, 1)
            alive(mark, 4)
            end([ours], grace=1.0)
            alive(mark, 2)
            assert other.poll() is None
        finally:
            other.kill()


def test_a_part_waits_for_what_must_be_there_first(
    tmp_path: Path, mark: str, watching: Watching
) -> None:
    ready = tmp_path / "ready"
    waiting = part(tmp_path, "import time; time.sleep(600)")
    watched = watching(replace(waiting, may_start=ready.exists))
    assert watched.look(time.monotonic()) is None
    assert not list(child.marked(mark))
    ready.touch()
    watched.look(time.monotonic())
    alive(mark, 1)
