"""Any sequence of commands and kills, against a plain dict: what every version holds and finds."""

from __future__ import annotations

import os
import shutil
import signal
import tempfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import pytest
from crashing import forked, found
from handmade import answers, document, first_version, night, vector
from hypothesis import Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from flows.compact import compact
from flows.live import open_live
from flows.purge import purge
from flows.rollback import rollback
from nightshift.errors import NothingToDo, VersionCollected
from pipeline.documents import Document
from state.pins import pin, pinned, unpin
from state.retention import gc
from state.store import Store

STEPS = [
    "state.versions.link", "state.head.replace", "state.log.append", "state.sealed.write",
    "state.objects.Objects.put", "state.objects.Objects.drop", "state.objects.Objects.supersede",
    "state.store.Store._clear", "os.rename", "os.replace",
]  # fmt: skip
QUERIES = [f"query {n}" for n in range(3)]
NUMBERS = st.integers(0, 5)
CHANGES = st.dictionaries(NUMBERS, st.sampled_from("ab"), min_size=1, max_size=2)
KILLS = st.none() | st.tuples(st.sampled_from(STEPS), st.booleans(), st.integers(1, 3))
"""No kill, or one before or after the n-th time that a step is reached."""

Held = dict[str, Document]


@pytest.fixture(autouse=True, scope="module")
def quick() -> Iterator[None]:
    """Only a power cut loses what was not synced, and none is tested here."""
    faiss.omp_set_num_threads(1)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(os, "fsync", lambda _: None)
        yield


class AnyHistory(RuleBasedStateMachine):
    """`held[v - 1]` is what version v holds."""

    @initialize()
    def create(self) -> None:
        self.folder = Path(tempfile.mkdtemp())
        first = [document(str(n), "first") for n in range(4)]
        self.store = first_version(self.folder / "store", first)
        self.held: list[Held] = [{d.id: d for d in first}]
        self.collected: set[int] = set()
        self.pins: set[int] = set()
        self.batches = [first]

    def teardown(self) -> None:
        if hasattr(self, "folder"):
            for version in range(1, len(self.held) + 1):
                self.check(version)
            shutil.rmtree(self.folder)

    @rule(changes=CHANGES, gone=st.sets(NUMBERS, max_size=2), kill=KILLS)
    def update(self, changes: dict[int, str], gone: set[int], kill: Any) -> None:
        now = self.held[-1]
        made = [document(str(n), text) for n, text in changes.items()]
        new = [made for made in made if now.get(made.id) != made]
        deleted = [("default", str(n)) for n in gone - changes.keys() if str(n) in now]
        after = {id_: d for id_, d in now.items() if ("default", id_) not in deleted}
        after.update({d.id: d for d in new})
        self.publish(lambda: night(self.store, new, deleted), after, kill)
        self.batches.append(new)

    @rule(data=st.data(), kill=KILLS)
    def come_back(self, data: st.DataObject, kill: Any) -> None:
        """What an earlier night brought is deleted, and the night after brings the same again."""
        batch = data.draw(st.sampled_from(self.batches))
        left = {id_: d for id_, d in self.held[-1].items() if id_ not in {b.id for b in batch}}
        gone = [("default", id_) for id_ in self.held[-1].keys() - left]
        self.publish(lambda: night(self.store, deleted=gone), left, kill)
        back = {**left, **{document.id: document for document in batch}}
        self.publish(lambda: night(self.store, batch), back, kill)

    @rule(data=st.data(), documents=st.booleans(), kill=KILLS)
    def roll_back(self, data: st.DataObject, documents: bool, kill: Any) -> None:
        targets = self.standing()[:-1]
        if targets:
            to = data.draw(st.sampled_from(targets))
            after = self.held[to - 1] if documents else self.held[-1]
            self.publish(lambda: rollback(self.store, to, "r", documents=documents), after, kill)

    @rule(kill=KILLS)
    def compact(self, kill: Any) -> None:
        before = self.order()
        with suppress(NothingToDo):
            self.publish(lambda: compact(self.store), self.held[-1], kill)
        assert self.order() == before

    @rule(data=st.data())
    def pin(self, data: st.DataObject) -> None:
        version = data.draw(st.sampled_from(self.standing()))
        pin(self.store, version, "why")
        self.pins.add(version)

    @precondition(lambda self: self.pins)
    @rule(data=st.data())
    def unpin(self, data: st.DataObject) -> None:
        version = data.draw(st.sampled_from(sorted(self.pins)))
        unpin(self.store, version)
        self.pins.remove(version)

    @rule(keep=st.integers(1, 4), kill=KILLS)
    def gc(self, keep: int, kill: Any) -> None:
        self.killed(lambda: gc(self.store, keep), kill)
        gc(self.store, keep)
        newest = set(range(len(self.held) - keep + 1, len(self.held) + 1))
        self.collected |= set(self.standing()) - newest - self.pins

    @rule(number=NUMBERS, kill=KILLS)
    def purge(self, number: int, kill: Any) -> None:
        id_ = str(number)
        self.killed(lambda: purge(self.store, ("default", id_)), kill)
        with suppress(NothingToDo):
            purge(Store.open(self.store.root), ("default", id_))
        for held in self.held:
            held.pop(id_, None)
        for _ in range(self.store.head().version - len(self.held)):
            self.held.append(dict(self.held[-1]))

    @rule()
    def reopen(self) -> None:
        self.store = Store.open(self.store.root)

    @rule(data=st.data())
    def look_back(self, data: st.DataObject) -> None:
        self.check(data.draw(st.integers(1, len(self.held))))

    @invariant()
    def live_is_what_it_should_be(self) -> None:
        if hasattr(self, "store"):
            assert self.store.head().version == len(self.held)
            self.check(len(self.held))
            assert self.store.verify() == []
            assert set(pinned(self.store)) == self.pins

    def publish(self, command: Callable[[], object], after: Held, kill: Any) -> None:
        """Run a command that publishes one version, with a kill and then only if need be again."""
        self.killed(command, kill)
        if self.store.head().version == len(self.held):
            command()
        self.held.append(dict(after))

    def killed(self, command: Callable[[], object], kill: Any) -> None:
        if kill is not None:
            assert forked(lambda: _die(command, *kill)) in (-signal.SIGKILL, 0, 3)

    def standing(self) -> list[int]:
        return [v for v in range(1, len(self.held) + 1) if v not in self.collected]

    def order(self) -> list[Document]:
        with open_live(self.store) as live:
            return [live.library.document(n) for n in live.library.number_of.values()]

    def check(self, version: int) -> None:
        if version in self.collected:
            with pytest.raises(VersionCollected):
                open_live(self.store, version)
            return
        held = self.held[version - 1]
        with open_live(self.store, version) as live:
            library = live.library
            there = {id_: library.document(n) for (_, id_), n in library.number_of.items()}
            assert there == held
            for query, line in zip(QUERIES, answers(live, QUERIES, 3), strict=True):
                expected = sorted(held.values(), key=lambda d: -(vector(d.text) @ vector(query)))
                assert [(id_, text) for id_, text, _ in line] == [
                    (d.id, d.text) for d in expected[:3]
                ]
                scores = [vector(d.text) @ vector(query) for d in expected[:3]]
                assert np.allclose([score for *_, score in line], scores, atol=1e-6)


def _die(command: Callable[[], object], step: str, after: bool, times: int) -> None:
    owner, name = found(step)
    real = getattr(owner, name)
    left = times

    def hit(*args: Any, **kwargs: Any) -> Any:
        nonlocal left
        left -= 1
        if left:
            return real(*args, **kwargs)
        if after:
            real(*args, **kwargs)
        os.kill(os.getpid(), signal.SIGKILL)

    setattr(owner, name, hit)
    command()


# A failure is told as it was found: making it smaller would take minutes of nights.
AnyHistory.TestCase.settings = settings(
    max_examples=8, stateful_step_count=20, phases=[Phase.explicit, Phase.generate]
)
# Newer Pythons warn of forks beside other tests' threads; these children only write and die.
TestAnyHistory = pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")(
    AnyHistory.TestCase
)
