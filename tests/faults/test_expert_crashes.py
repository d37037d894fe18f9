"""kill -9 before and after every step of approve, reject and retire.

The expert serves, waits or rests as it did before the command or as it does after it, the store is
sound, and the same command typed again brings it to its end or says that it has come to it.
"""

from __future__ import annotations

import shutil

import patience
import pytest
import worlds
from crashing import COMMANDS, Crash, crashes, moments

from flows.bootstrap import bootstrap
from flows.night import update
from flows.settings import Settings
from state.store import Store

PUBLISHING = [
    "flows.publication.save_modules",
    "state.versions.link",
    "state.head.replace",
    "state.log.append",
]
STEPS = {
    "approve": ["flows.approval._tried", "flows.approval._adopted", *PUBLISHING],
    "reject": ["flows.approval.waiting_for", *PUBLISHING],
    "retire": ["flows.retire._measured", "flows.retire.without", *PUBLISHING],
}
EXPERT = "e1"
WAITS, SERVES, RESTS = ([], [EXPERT]), ([EXPERT], []), ([], [])
"""Experts that serve, and those that wait."""
BEFORE = {"approve": WAITS, "reject": WAITS, "retire": SERVES}
AFTER = {"approve": SERVES, "reject": RESTS, "retire": RESTS}
NOT_ANY_MORE = 1
"""How the command ends that finds nothing left to do: with a sentence about the expert."""


@pytest.fixture(scope="module")
def waiting(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """After a night about the law an expert waits."""
    folder = tmp_path_factory.mktemp("waiting")
    encoder = worlds.save_tiny_encoder(folder / "encoder")
    corpus = worlds.write_batch(folder / "corpus", "sea", range(100))
    bootstrap(folder / "store", [corpus], encoder=str(encoder))
    law = worlds.write_batch(folder / "law", "law", range(150))
    with pytest.MonkeyPatch.context() as patch:
        patience.of(patch, 24)
        settings = Settings(approval="manual", side="query")
        update(Store.open(folder / "store"), [law], settings=settings)
    return Store.open(folder / "store")


@pytest.fixture(scope="module")
def serving(waiting: Store) -> Store:
    store = Store.open(shutil.copytree(waiting.root, waiting.root.with_name("serving")))
    COMMANDS["approve"](store, EXPERT)
    return store


@pytest.fixture(scope="module")
def seen(waiting: Store, serving: Store) -> list[Crash]:
    words = crashes(waiting.root, {name: (EXPERT, STEPS[name]) for name in ("approve", "reject")})
    return words + crashes(serving.root, {"retire": (EXPERT, STEPS["retire"])})


def test_every_step_was_hit(seen: list[Crash]) -> None:
    assert [(c["command"], c["step"], c["when"]) for c in seen] == [
        (name, step, when) for name in STEPS for step, when in moments(STEPS[name])
    ]
    assert {crash["died"] for crash in seen} == {-9}


@pytest.mark.parametrize("command", STEPS)
def test_killed_anywhere_it_is_before_or_after_and_ends_when_typed_again(
    command: str, seen: list[Crash]
) -> None:
    for crash in (crash for crash in seen if crash["command"] == command):
        assert crash["damage_at_kill"] == crash["damage_at_last"] == [], crash
        done = state_of(crash, "kill") == AFTER[command]
        assert done or state_of(crash, "kill") == BEFORE[command], crash
        assert crash["next"] == (NOT_ANY_MORE if done else 0), crash
        assert state_of(crash, "last") == AFTER[command], crash
        assert crash["logged_at_last"] == [*range(1, crash["head_at_last"] + 1)] or done, crash
        assert crash["documents_at_last"] == 250


def state_of(crash: Crash, when: str) -> tuple[list[str], list[str]]:
    return crash[f"experts_at_{when}"], crash[f"candidates_at_{when}"]
