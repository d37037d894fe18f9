"""A first corpus of several deliveries is what one would be that said it all in their order."""

from __future__ import annotations

import json
from pathlib import Path

import worlds

import nightshift
from flows.bootstrap import bootstrap
from flows.live import open_live
from pipeline.documents import REAL
from state.store import Store


def test_a_later_delivery_deletes_replaces_and_asks(tmp_path: Path, encoder_folder: Path) -> None:
    dump = worlds.write_batch(tmp_path / "dump", "sea", range(120), queries=False)
    changed = {**worlds.document("sea", 500), "_id": "sea-1"}
    gone = {"_id": "sea-2", "_deleted": True}
    delta = worlds.write_batch(tmp_path / "delta", "sea", range(120), queries=True)
    (delta / "corpus.jsonl").write_text("".join(json.dumps(row) + "\n" for row in (changed, gone)))
    done = bootstrap(tmp_path / "store", [dump, delta], encoder=str(encoder_folder))
    assert done.documents["added"] == 119
    with open_live(Store.open(tmp_path / "store")) as live:
        library = live.library
        assert ("default", "sea-2") not in library.number_of
        there = library.document(library.number_of["default", "sea-1"])
        assert there.text == changed["text"]
        asked = {
            pair.key[1]
            for kind in live.modules.kinds.values()
            for pair in kind.questions.pairs
            if pair.origin == REAL
        }
    assert "sea-3" in asked
    assert "sea-2" not in asked


def test_of_many_bad_lines_the_first_thousand_are_kept(
    tmp_path: Path, encoder_folder: Path
) -> None:
    batch = worlds.write_batch(tmp_path / "a", "sea", range(120))
    with (batch / "corpus.jsonl").open("a") as corpus:
        corpus.write("no json\n" * 1200)
    bootstrap(tmp_path / "store", [batch], encoder=str(encoder_folder))
    facts = Store.open(tmp_path / "store").manifest().facts
    assert facts["documents"]["quarantined"] == 1200
    assert len(facts["quarantined"]) == 1000


def test_a_document_that_is_deleted_and_comes_again_is_there(
    tmp_path: Path, encoder_folder: Path
) -> None:
    first = worlds.write_batch(tmp_path / "a", "sea", range(120))
    gone: list[dict[str, object]] = [{"_id": "sea-2", "_deleted": True}]
    second = worlds.write_batch(tmp_path / "b", "sea", range(120, 130), extra=gone)
    third = worlds.write_batch(tmp_path / "c", "sea", range(2, 3))
    bootstrap(tmp_path / "store", [first, second, third], encoder=str(encoder_folder))
    with open_live(Store.open(tmp_path / "store")) as live:
        assert len(live.library) == 130
        assert ("default", "sea-2") in live.library.number_of


def test_what_was_found_among_lines_too_short_to_ask_about_can_be_explained(
    tmp_path: Path, encoder_folder: Path
) -> None:
    lines = [{"_id": str(n), "title": "", "text": f"screw m{n}"} for n in range(60)]
    corpus = tmp_path / "lines"
    corpus.mkdir()
    (corpus / "corpus.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    bootstrap(tmp_path / "store", [corpus], encoder=str(encoder_folder))
    with nightshift.open(tmp_path / "store") as index:
        assert index.search("screw m7").route == {"frozen": 1.0}
        assert index.explain("screw m7")["kinds"] == []
