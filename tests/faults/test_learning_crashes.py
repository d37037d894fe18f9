"""kill -9 before and after every step of teach, consolidate and migrate.

Each makes one version out of much work. Until that is published the store is as it was, searches
included; after it, the version is whole; and the same command typed again comes to its end.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import patience
import pytest
import worlds
from crashing import Crash, crashes, moments

from flows.bootstrap import bootstrap
from flows.night import update
from flows.settings import Settings
from state.store import Store

PUBLISHING = ["state.versions.link", "state.log.append"]
STEPS = {
    "teach": ["flows.teaching.grow_kind", "flows.publication.save_modules", *PUBLISHING],
    "consolidate": ["flows.consolidate.merge", "flows.publication.save_modules", *PUBLISHING],
    "migrate": [
        "flows.migration._layers",
        "flows.migration.write_segments",
        "flows.migration._compared",
        "flows.migration.save_modules",
        *PUBLISHING,
    ],
}
NOTHING_LEFT = {"teach": 0, "consolidate": 3, "migrate": 3}
"""How the command ends that is typed once more than needed: a kind may be taught again."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("learning")


@pytest.fixture(scope="module")
def first(folder: Path) -> Store:
    """A first corpus that people ask about."""
    encoder = worlds.save_tiny_encoder(folder / "encoder")
    corpus = worlds.write_batch(folder / "corpus", "sea", range(100))
    bootstrap(folder / "first", [corpus], encoder=str(encoder))
    return Store.open(folder / "first")


@pytest.fixture(scope="module")
def two_experts(first: Store, folder: Path) -> Store:
    store = Store.open(shutil.copytree(first.root, folder / "two"))
    with pytest.MonkeyPatch.context() as patch:
        patience.of(patch, 24)
        for kind in ("law", "ore"):
            batch = worlds.write_batch(folder / kind, kind, range(150))
            update(store, [batch], settings=Settings(side="query"))
    assert store.manifest().facts["live_experts"] == ["e1", "e2"]
    return store


@pytest.fixture(scope="module")
def seen(first: Store, two_experts: Store, folder: Path) -> list[Crash]:
    other = worlds.save_tiny_encoder(folder / "other", seed=1)
    return [
        *crashes(first.root, {"teach": ("k1", STEPS["teach"])}),
        *crashes(two_experts.root, {"consolidate": ("1.0", STEPS["consolidate"])}),
        *crashes(first.root, {"migrate": (str(other), STEPS["migrate"])}),
    ]


def test_every_step_was_hit(seen: list[Crash]) -> None:
    assert [(c["command"], c["step"], c["when"]) for c in seen] == [
        (name, step, when) for name in STEPS for step, when in moments(STEPS[name])
    ]
    assert {crash["died"] for crash in seen} == {-9}


@pytest.mark.parametrize("command", STEPS)
def test_killed_anywhere_it_is_before_or_after_and_ends_when_typed_again(
    command: str, seen: list[Crash]
) -> None:
    versions = {"teach": 1, "consolidate": 3, "migrate": 1}
    for crash in (crash for crash in seen if crash["command"] == command):
        assert crash["damage_at_kill"] == crash["damage_at_last"] == [], crash
        done = crash["head_at_kill"] == versions[command] + 1
        assert done or crash["head_at_kill"] == versions[command], crash
        assert crash["next"] == (NOTHING_LEFT[command] if done else 0), crash
        assert crash["head_at_last"] >= versions[command] + 1, crash
        assert crash["documents_at_last"] == crash["documents_at_kill"], crash


def test_what_was_killed_came_to_what_it_was_for(seen: list[Crash], folder: Path) -> None:
    last = {name: [crash for crash in seen if crash["command"] == name] for name in STEPS}
    assert all(crash["experts_at_last"] for crash in last["teach"])
    assert all(crash["experts_at_last"] == ["e3"] for crash in last["consolidate"])
    assert {crash["encoder_at_last"] for crash in last["migrate"]} == {str(folder / "other")}
