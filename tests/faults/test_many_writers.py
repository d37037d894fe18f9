"""Eight writers at once: one publishes, and the other seven are told so within seconds."""

from __future__ import annotations

import json
import os
import select
import time
from pathlib import Path
from typing import Any

import pytest
from crashing import typed
from handmade import document, first_version, night

from flows.mirror import Mirrored
from state import versions
from state.store import Store

# Newer Pythons warn of forks beside other tests' threads; these children use none of those.
pytestmark = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")

WRITERS, BUSY, SECONDS = 8, 5, 5.0


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    monkeypatch.setattr("flows.mirror.mirror", lambda store: Mirrored((), (), None))
    store = first_version(tmp_path / "store", [document("1")])
    night(store, [document("2")])
    return store


class Race:
    """Processes that each type `rollback`, all let go at one moment."""

    def __init__(self, root: Path) -> None:
        # What a command imports only when it speaks is imported before the race.
        assert typed("rollback", 99, "--reason", "warm up", "--store", root)[0] == 2
        barrier, start = os.pipe()
        said, says = os.pipe()
        for number in range(WRITERS):
            if os.fork() == 0:
                os.read(barrier, 1)
                words = ["rollback", 1, "--documents", "--reason", f"writer {number}"]
                code, text = typed(*words, "--store", root)
                line = {"writer": number, "code": code, "at": time.monotonic(), "text": text}
                os.write(says, json.dumps(line).encode() + b"\n")
                os._exit(0)
        self.said = os.fdopen(said)
        self.began = time.monotonic()
        os.write(start, b"!" * WRITERS)

    def ended(self, count: int) -> list[dict[str, Any]]:
        """What the next so many of them say."""
        return [json.loads(self.said.readline()) for _ in range(count)]

    def close(self) -> None:
        self.said.close()
        for _ in range(WRITERS):
            os.wait()


def test_one_publishes_and_seven_are_told_within_five_seconds(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = versions.link
    waits, go = os.pipe()

    def link(root: Path, manifest: Any) -> Any:
        """Whoever is let in stays until all the others were told, but not for ever."""
        select.select([waits], [], [], 4 * SECONDS)
        return real(root, manifest)

    monkeypatch.setattr(versions, "link", link)
    race = Race(store.root)
    told = race.ended(WRITERS - 1)
    os.write(go, b"!")
    [winner] = race.ended(1)
    race.close()
    assert [line["code"] for line in told] == [BUSY] * (WRITERS - 1)
    assert all(line["at"] - race.began < SECONDS for line in told)
    assert all("is writing to the store" in line["text"] for line in told)
    assert winner["code"] == 0
    assert [m.reason for m in store.history()[2:]] == [f"writer {winner['writer']}"]
    assert [move["to"] for move in store.log()] == [1, 2, 3]
    assert Store.open(store.root).verify() == []


def test_in_a_race_that_nobody_holds_up_each_publishes_or_is_told(store: Store) -> None:
    race = Race(store.root)
    lines = race.ended(WRITERS)
    race.close()
    published = [line["writer"] for line in lines if line["code"] == 0]
    assert {line["code"] for line in lines} <= {0, BUSY}
    assert published
    assert {m.reason for m in store.history()[2:]} == {f"writer {number}" for number in published}
    assert len(store.history()) == 2 + len(published)
    assert Store.open(store.root).verify() == []
