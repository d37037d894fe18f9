"""Thousands of documents that say the same: nothing to tell apart, and nothing breaks."""

from __future__ import annotations

import json
from pathlib import Path

import worlds

from flows.night import update
from flows.preview import preview
from state.store import Store
from state.verify import verify

COPIES = 2000


def copies(path: Path, kind: str) -> Path:
    text = worlds.document(kind, 1)["text"]
    rows = [{"_id": f"copy-{n}", "title": "", "text": text} for n in range(COPIES)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def test_a_night_of_copies_is_lived_through(store: Store, tmp_path: Path) -> None:
    [night] = update(store, [copies(tmp_path / "copies.jsonl", "sea")])
    assert (night.documents["added"], night.documents["quarantined"]) == (COPIES, 0)
    assert verify(store.root, store.objects) == []


def test_copies_of_a_new_kind_are_one_point_for_all_clusters(store: Store, tmp_path: Path) -> None:
    [night] = preview(store, [copies(tmp_path / "copies.jsonl", "law")])
    assert night.documents["added"] == COPIES
    assert night.outcomes
