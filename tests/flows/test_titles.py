"""Documents of one title are one witness, in a first corpus and in a night of few titles alike."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import worlds

from flows.bootstrap import bootstrap
from flows.encoding import shelve
from flows.intake import ingest
from flows.live import open_live
from flows.migration import migrate
from flows.night import update
from pipeline.batch import read_batch
from state.store import Store


def titled(folder: Path, numbers: range, each: int) -> Path:
    """Documents about the sea, so many of each title."""
    folder.mkdir()
    rows = [{**worlds.document("sea", n), "title": f"Sea {n // each}"} for n in numbers]
    (folder / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory, encoder_folder: Path) -> Path:
    folder = tmp_path_factory.mktemp("titles")
    corpus = titled(folder / "corpus", range(200), each=10)
    bootstrap(folder / "store", [corpus], encoder=str(encoder_folder))
    return folder / "store"


@pytest.mark.parametrize(("each", "witnesses"), [(10, 3), (30, 30)])
def test_a_night_of_few_titles_is_that_many_witnesses_if_known_titles_are_as_long(
    known: Path, tmp_path: Path, each: int, witnesses: int
) -> None:
    night = titled(tmp_path / "night", range(300, 330), each)
    with open_live(Store.open(known)) as live:
        encoding, _ = shelve(live, ingest(read_batch(night), live.library))
    assert len(set(encoding.groups.tolist())) == witnesses


def test_the_next_generation_tells_documents_together_as_the_nights_did(
    known: Path, tmp_path: Path
) -> None:
    """A title that a whole night shares is none, whatever the portion it is encoded again in."""
    shutil.copytree(known, tmp_path / "store")
    store = Store.open(tmp_path / "store")
    update(store, [titled(tmp_path / "night", range(300, 330), each=30)])
    with open_live(store) as live:
        before = live.modules.longest_group
    other = worlds.save_tiny_encoder(tmp_path / "other", seed=1)
    migrate(store, str(other), anyway=True)
    with open_live(store) as live:
        assert live.modules.longest_group == before == 10
