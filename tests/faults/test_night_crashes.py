"""kill -9 during any step of a night: the store verifies, the next update finishes the night."""

from __future__ import annotations

import pytest
import worlds
from crashing import Crash, moments
from crashing import crashes as crashes_of

from flows.bootstrap import bootstrap

STEPS = [
    "flows.night.claim",
    "flows.night.ingest",
    "flows.night.shelve",
    "flows.encoding.write_segments",
    "flows.encoding.stand",
    "flows.night.look",
    "flows.night.decide",
    "flows.night.grow",
    "flows.night.save_modules",
    "flows.night.publish",
    "state.versions.link",
    "state.head.replace",
    "state.log.append",
]


@pytest.fixture(scope="module")
def crashes(tmp_path_factory: pytest.TempPathFactory) -> list[Crash]:
    folder = tmp_path_factory.mktemp("crashes")
    encoder = worlds.save_tiny_encoder(folder / "encoder")
    first = worlds.write_batch(folder / "first", "sea", range(60))
    bootstrap(folder / "store", [first], encoder=str(encoder))
    extra: list[dict[str, object]] = [
        {"_id": "sea-1", "_deleted": True},
        {**worlds.document("sea", 99), "_id": "sea-2"},
    ]
    batch = worlds.write_batch(folder / "night", "sea", range(60, 80), extra=extra)
    return crashes_of(folder / "store", {"update": (str(batch), STEPS)})


def test_every_step_was_hit(crashes: list[Crash]) -> None:
    assert [(c["step"], c["when"]) for c in crashes] == moments(STEPS)
    assert {c["died"] for c in crashes} == {-9}


def test_the_store_verifies_after_each_kill(crashes: list[Crash]) -> None:
    assert not [c for c in crashes if c["damage_at_kill"] or c["damage_at_last"]]
    assert {c["head_at_kill"] for c in crashes} == {1, 2}


def test_the_next_update_finishes_the_night(crashes: list[Crash]) -> None:
    for crash in crashes:
        assert crash["next"] == (0 if crash["head_at_kill"] == 1 else 3), crash
        assert crash["head_at_last"] == 2, crash
        assert crash["documents_at_last"] == 79, crash
        assert crash["logged_at_last"] == [1, 2] or (
            crash["head_at_kill"] == 2 and crash["logged_at_last"] == [1]
        ), crash
        assert crash["tmp_at_last"] == 0 or crash["head_at_kill"] == 2, crash
