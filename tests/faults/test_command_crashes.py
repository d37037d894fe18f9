"""kill -9 before and after every step of rollback, compact, gc and purge.

The store verifies, answers as it did before the command or as after it, and the same command typed
again ends where it would have ended at once.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from crashing import COMMANDS, Crash, crashes, moments, spoken
from handmade import answers, document, first_version, night

from flows.live import open_live
from pipeline.documents import Pair
from state.store import Store

PUBLISHING = ["state.versions.link", "state.head.replace", "state.log.append"]
DELETING = ["state.objects.Objects.drop", "shutil.rmtree"]
STEPS = {
    "rollback": ["flows.rollback._plan", "flows.rollback._modules", *PUBLISHING],
    "compact": [
        "flows.compact.worth_merging", "flows.compact.merge", "flows.compact._write",
        "flows.compact.save_dead", *PUBLISHING,
    ],
    "gc": [
        "state.retention._plan", "state.retention.give_up", "state.sealed.write",
        "state.retention.sweep_away", "os.rename", *DELETING,
    ],
    "purge": [
        "flows.purge.traces", "flows.purge.withdraw", "flows.purge.save_modules", *PUBLISHING,
        "flows.purge.rewrite", "flows.purge.erase", "state.objects.Objects.supersede",
        "state.sealed.write", *DELETING,
    ],
}  # fmt: skip
ARGUMENTS = {"rollback": "2", "compact": "-", "gc": "1", "purge": "confidential"}
TEXTS = [f"query {n}" for n in range(8)]


def grown(root: Path) -> Store:
    """Four versions with replaced and deleted documents, questions and a pool."""
    secret = document("confidential", "of the purge")
    store = first_version(root, [document(str(n)) for n in range(10)] + [secret])
    night(store, [document("3", "new")], pairs=[Pair("confidential?", secret.key)])
    night(store, [document("x")], [("default", "5")], waiting=[secret])
    night(store, [document("y"), document("confidential", "replaced")])
    return store


def expected(root: Path, copy: Path, command: str) -> tuple[Store, list[object]]:
    """The store after the command ran undisturbed, and what it answers."""
    shutil.copytree(root, copy)
    store = Store.open(copy)
    COMMANDS[command](store, ARGUMENTS[command])
    with open_live(store) as live:
        return store, [[list(hit) for hit in line] for line in answers(live, TEXTS, 4)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    return grown(tmp_path_factory.mktemp("crashes") / "store")


@pytest.fixture(scope="module")
def seen(store: Store) -> list[Crash]:
    return crashes(store.root, {name: (ARGUMENTS[name], STEPS[name]) for name in STEPS})


def test_every_step_was_hit(seen: list[Crash]) -> None:
    assert [(c["command"], c["step"], c["when"]) for c in seen] == [
        (name, step, when) for name in STEPS for step, when in moments(STEPS[name])
    ]
    assert {crash["died"] for crash in seen} == {-9}


@pytest.mark.parametrize("command", STEPS)
def test_killed_anywhere_it_is_before_or_after_and_finishes_when_typed_again(
    command: str, store: Store, seen: list[Crash], tmp_path: Path
) -> None:
    with open_live(store) as live:
        before = [[list(hit) for hit in line] for line in answers(live, TEXTS, 4)]
    done, after = expected(store.root, tmp_path / "undisturbed", command)
    for crash in (crash for crash in seen if crash["command"] == command):
        assert crash["damage_at_kill"] == crash["damage_at_last"] == [], crash
        assert crash["answers_at_kill"] in (before, after), crash
        assert crash["answers_at_last"] == after, crash
        assert crash["next"] in (0, 3), crash
        assert crash["logged_at_last"] == [*range(1, crash["head_at_last"] + 1)] or (
            crash["next"] == 3
        ), crash
        assert_finished(command, crash, done)


def assert_finished(command: str, crash: Crash, done: Store) -> None:
    """Not only sound, but done: nothing is left that the command should have taken away."""
    head = done.head().version
    if command in ("compact", "purge"):
        assert crash["head_at_last"] == head, crash
    if command == "rollback":
        assert crash["head_at_last"] in (head, head + 1), crash
    if command == "gc":
        assert crash["objects_at_last"] == len(done.objects.all_ids()), crash
    if command == "purge":
        assert not crash["says"], crash
        assert "confidential" not in spoken(done.root)
    assert crash["tmp_at_last"] == 0 or crash["next"] == 3, crash
