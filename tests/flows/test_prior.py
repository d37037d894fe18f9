"""An instruction says beforehand which kind is meant; what batches said of themselves is kept."""

from __future__ import annotations

import json
import shutil
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import worlds

import nightshift
from flows.live import open_live
from flows.night import update
from flows.prior import Prior
from flows.rollback import rollback
from pipeline.encoder import Vectors
from state.store import Store

LABEL, INSTRUCTION = "law", "find the paragraph that decides the case"
SEA = worlds.query("sea", 4)


@pytest.fixture(scope="session")
def labelled_store(tmp_path_factory: pytest.TempPathFactory, first_store: Path) -> Path:
    """A first corpus that said nothing of itself, and a night that did."""
    folder = tmp_path_factory.mktemp("labelled")
    shutil.copytree(first_store, folder / "store")
    batch = worlds.write_batch(folder / "law", "law", range(150))
    (batch / "batch.json").write_text(json.dumps({"label": LABEL, "instruction": INSTRUCTION}))
    update(Store.open(folder / "store"), [batch])
    return folder / "store"


def test_a_query_goes_where_its_instruction_says(labelled_store: Path) -> None:
    with nightshift.open(labelled_store) as index:
        assert index.search(SEA).route == {"frozen": 1.0}
        for told in (LABEL, INSTRUCTION, "  LAW "):
            assert index.search(SEA, instruction=told).route == {"e1": 1.0}
        for told in ("", "   "):
            assert index.search(SEA, instruction=told) == index.search(SEA)
        law = worlds.query("law", 3)
        assert index.search(law, instruction=LABEL).hits[0].id == "law-3"


def test_other_words_mean_the_nearest_label(labelled_store: Path) -> None:
    with open_live(Store.open(labelled_store)) as live:
        kinds, encoder = live.modules.kinds, live.encoder
        [law] = [id_ for id_, kind in kinds.items() if kind.labels]
        assert kinds[law].labels == (LABEL, INSTRUCTION)
        assert Prior(kinds, encoder).kinds_meant("something like the law") == {law}
        silent = {id_: kind for id_, kind in kinds.items() if id_ != law}
        assert Prior(silent, encoder).kinds_meant(LABEL) is None


def test_other_words_mean_every_kind_that_was_told_the_same(labelled_store: Path) -> None:
    with open_live(Store.open(labelled_store)) as live:
        [law] = [kind for kind in live.modules.kinds.values() if kind.labels]
        kinds = {"k7": law, "k8": law, "k9": replace(law, labels=("cooking",))}
        prior = Prior(kinds, live.encoder)
        assert prior.kinds_meant(LABEL) == {"k7", "k8"}
        assert prior.kinds_meant("something like the law") == {"k7", "k8"}


def test_labels_are_encoded_once_however_many_ask(
    labelled_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[str] = []
    with nightshift.open(labelled_store) as index:
        encode = index.live.encoder.encode_queries

        def noted(texts: Sequence[str]) -> Vectors:
            read.extend(texts)
            return encode(texts)

        monkeypatch.setattr(index.live.encoder, "encode_queries", noted)
        for told in ("like the law", "much like the law"):
            assert index.search(SEA, instruction=told).route == {"e1": 1.0}
    assert [read.count(label) for label in (LABEL, INSTRUCTION)] == [1, 1]


def test_where_nothing_was_told_an_instruction_changes_nothing(first_store: Path) -> None:
    with nightshift.open(first_store) as index:
        assert index.search(SEA, instruction=LABEL) == index.search(SEA)


def test_labels_grow_and_are_taken_back_with_their_night(
    labelled_store: Path, tmp_path: Path
) -> None:
    shutil.copytree(labelled_store, tmp_path / "store")
    store = Store.open(tmp_path / "store")
    batch = worlds.write_batch(tmp_path / "more", "law", range(150, 180))
    (batch / "batch.json").write_text(json.dumps({"label": "statutes"}))
    update(store, [batch])
    with nightshift.open(store.root) as index:
        assert index.search(SEA, instruction="statutes").route == {"e1": 1.0}
    with open_live(store) as live:
        assert (LABEL, INSTRUCTION, "statutes") in {k.labels for k in live.modules.kinds.values()}
    rollback(store, 2, "too early")
    with open_live(store) as live:
        assert all("statutes" not in kind.labels for kind in live.modules.kinds.values())
