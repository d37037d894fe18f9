"""Taking a night back: bit for bit with documents, modules alone without them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import worlds

from flows.live import open_live
from flows.migration import migrate
from flows.night import update
from flows.retire import retire
from flows.rollback import rollback
from flows.settings import Settings
from flows.teaching import teach
from flows.tuning import tune
from nightshift.errors import NothingToDo, UnknownVersion, UsageError
from pipeline.experts import prefix
from pipeline.index import Found
from state.store import Store

QUERIES = [worlds.query("law", 3), worlds.query("sea", 4), worlds.query("ore", 5)]
DONE_AFTERWARDS: dict[str, Callable[[Store, Path], Any]] = {
    "teach": lambda store, _: teach(store, "k1"),
    "retire": lambda store, _: retire(store, "e1", "a test"),
    "tune": lambda store, folder: tune(store, folder / "tuned"),
    "migrate": lambda store, folder: migrate(
        store, str(worlds.save_tiny_encoder(folder / "other", seed=1)), anyway=True
    ),
}


def answers(store: Store, version: int | None = None) -> list[list[Found]]:
    with open_live(store, version) as live:
        return live.retriever.ask(QUERIES, 20).found


def test_with_documents_search_is_what_it_was_bit_for_bit(grown: Store) -> None:
    before = answers(grown, 1)
    assert answers(grown) != before
    done = rollback(grown, 1, "the night was wrong", documents=True)
    assert done.version == 3
    assert answers(grown) == before
    assert grown.manifest().facts["live_documents"] == 300


def test_with_documents_comes_back_how_they_were_searched(grown: Store, tmp_path: Path) -> None:
    before = answers(grown, 2)
    batch = worlds.write_batch(tmp_path / "b", "sea", range(300, 310))
    update(grown, [batch], settings=Settings(lexical=False))
    assert answers(grown) != before
    rollback(grown, 2, "words were better", documents=True)
    assert answers(grown) == before
    assert grown.manifest().facts["settings"]["lexical"] is True
    rollback(grown, 3, "or not", documents=False)
    assert grown.manifest().facts["settings"]["lexical"] is True


def test_without_documents_the_experts_go_and_everything_stays_findable(grown: Store) -> None:
    done = rollback(grown, None, "the expert was wrong")
    assert done.experts == (["e1"], [])
    with open_live(grown) as live:
        assert len(live.library) == 540
        found = live.retriever.ask([worlds.document("law", 7)["text"]], 1).found[0]
        assert live.library.document(found[0].number).id == "law-7"


def test_a_rollback_can_be_rolled_back(grown: Store) -> None:
    with_expert = answers(grown)
    rollback(grown, 1, "a mistake", documents=True)
    rollback(grown, 2, "not a mistake", documents=True)
    assert answers(grown) == with_expert
    assert [manifest.version for manifest in grown.history()] == [1, 2, 3, 4]


def test_a_dry_run_changes_nothing(grown: Store) -> None:
    head = grown.head()
    plan = rollback(grown, 1, "perhaps", documents=True, dry_run=True)
    assert plan.version is None
    assert plan.live_documents == (540, 300)
    assert grown.head() == head


def test_a_withdrawn_batch_is_taken_again_only_on_request(store: Store, tmp_path: Path) -> None:
    batch = worlds.write_batch(tmp_path / "b", "sea", range(300, 340))
    update(store, [batch])
    rollback(store, 1, "bad batch", documents=True)
    with pytest.raises(NothingToDo):
        update(store, [batch])
    [night] = update(store, [batch], again=True)
    assert night.documents["added"] == 40
    assert night.encoded == 0, "its vectors are in the store already"


@pytest.mark.parametrize(("to", "error"), [(9, UnknownVersion), (2, UsageError)])
def test_a_target_that_makes_no_sense_is_refused(
    grown: Store, to: int, error: type[Exception]
) -> None:
    with pytest.raises(error):
        rollback(grown, to, "no")


def test_the_first_version_has_nothing_before_it(store: Store) -> None:
    with pytest.raises(UsageError):
        rollback(store, None, "no")


@pytest.mark.parametrize("verb", DONE_AFTERWARDS.values(), ids=DONE_AFTERWARDS)
def test_old_modules_may_ask_about_documents_that_are_gone(
    grown: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    verb: Callable[[Store, Path], Any],
) -> None:
    """Every other document goes, and then the modules come back that were asked about them."""
    monkeypatch.setattr(prefix, "TOKENS", 8)
    gone: list[dict[str, object]] = [
        {"_id": f"{kind}-{n}", "_deleted": True}
        for kind in ("sea", "law")
        for n in range(0, 240, 2)
    ]
    update(grown, [worlds.write_batch(tmp_path / "b", "sea", range(300, 310), extra=gone)])
    rollback(grown, 2, "the modules before")
    verb(grown, tmp_path)
    assert not grown.verify()
