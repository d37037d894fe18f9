"""Deliveries that lie in the inbox for many nights: each has its say once, the newest the last."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path

import pytest
import worlds

from flows.live import open_live
from flows.night import update
from flows.purge import purge
from flows.rollback import rollback
from nightshift.errors import NothingToDo
from pipeline.documents import Key
from pipeline.inbox import pending
from state.store import Store

FIRST, OTHER, THIRD = (worlds.document("sea", number)["text"] for number in (1, 801, 802))


def records(path: Path, documents: Mapping[str, str | None]) -> Path:
    """A batch, or one file; a document without a text is deleted."""
    lines = [
        json.dumps({"_id": id_, "_deleted": True} if text is None else {"_id": id_, "text": text})
        for id_, text in documents.items()
    ]
    place = path if path.suffix else path / "corpus.jsonl"
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_text("\n".join(lines) + "\n")
    return path


def texts(folder: Path, pages: Mapping[str, str]) -> Path:
    """A folder of texts of source `wiki` that holds these and nothing else."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "batch.json").write_text('{"source": "wiki"}')
    for name, text in pages.items():
        (folder / name).write_text(text)
    return folder


def night(store: Store, inbox: Path, *, again: bool = False) -> int:
    """Live through the inbox; the version that is live in the morning."""
    with suppress(NothingToDo):
        update(store, pending(inbox), again=again)
    return store.head().version


def text_of(store: Store, id_: str, source: str = "default") -> str | None:
    with open_live(store) as live:
        key: Key = (source, id_)
        if key not in live.library.number_of:
            return None
        return live.library.document(live.library.number_of[key]).text


def test_a_batch_that_changed_nothing_does_not_undo_a_later_one(
    store: Store, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    records(inbox / "05-01", {"sea-1": FIRST})
    records(inbox / "05-02", {"sea-1": OTHER})
    assert night(store, inbox) == 2
    assert night(store, inbox) == 2
    assert text_of(store, "sea-1") == OTHER


def test_a_batch_that_changed_nothing_is_remembered_for_good_and_verified(
    store: Store, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    records(inbox / "05-01", {"sea-1": FIRST})
    assert night(store, inbox) == 1
    records(inbox / "05-02", {"sea-1": OTHER})
    assert night(store, inbox) == 2
    assert night(store, inbox) == 2
    assert text_of(store, "sea-1") == OTHER
    assert store.verify() == []
    page = store.root / "met"
    page.write_bytes(page.read_bytes().replace(b"05-01", b"05-03"))
    assert [damage.what for damage in store.verify()] == ["met"]


def test_what_was_withdrawn_does_not_come_back_under_the_name_of_its_copy(
    store: Store, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    records(inbox / "06-01.jsonl", {"new": OTHER})
    records(inbox / "06-02.jsonl", {"new": OTHER})
    assert night(store, inbox) == 2
    rollback(store, 1, "a bad document", documents=True)
    assert night(store, inbox) == 3
    assert text_of(store, "new") is None
    assert night(store, inbox, again=True) == 4
    assert text_of(store, "new") == OTHER
    assert night(store, inbox, again=True) == 4


def test_a_deletion_that_came_before_its_document_has_had_its_say(
    store: Store, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    records(inbox / "05-01", {"new": None})
    night(store, inbox)
    records(inbox / "05-02", {"new": OTHER})
    assert night(store, inbox) == 2
    assert night(store, inbox) == 2
    assert text_of(store, "new") == OTHER


def test_of_a_folder_of_texts_the_newest_delivery_counts(store: Store, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    texts(inbox / "2031-05-01", {"a.md": FIRST, "b.md": OTHER})
    texts(inbox / "2031-05-02", {"a.md": THIRD})
    assert night(store, inbox) == 2
    assert night(store, inbox) == 2
    assert (text_of(store, "a.md", "wiki"), text_of(store, "b.md", "wiki")) == (THIRD, None)
    shutil.rmtree(inbox / "2031-05-02")
    assert night(store, inbox) == 2, "the older one was passed by for good"
    texts(inbox / "2031-05-03", {"b.md": OTHER})
    assert night(store, inbox) == 3
    assert night(store, inbox) == 3
    assert text_of(store, "b.md", "wiki") == OTHER


def test_an_older_folder_of_texts_that_comes_late_undoes_nothing(
    store: Store, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    texts(inbox / "2031-05-02", {"a.md": THIRD})
    assert night(store, inbox) == 2
    texts(inbox / "2031-05-01", {"a.md": FIRST})
    assert night(store, inbox) == 2
    assert text_of(store, "a.md", "wiki") == THIRD


def test_a_folder_of_texts_that_changed_is_taken_wherever_it_stands(
    store: Store, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    texts(inbox / "wiki", {"a.md": FIRST})
    assert night(store, inbox) == 2
    texts(inbox / "wiki-2", {"a.md": OTHER})
    assert night(store, inbox) == 3
    texts(inbox / "wiki", {"a.md": THIRD})
    assert night(store, inbox) == 4
    assert night(store, inbox) == 4
    assert text_of(store, "a.md", "wiki") == THIRD


@pytest.mark.parametrize("write", [records, texts])
def test_a_folder_may_go_back_to_what_it_was(
    store: Store, tmp_path: Path, write: Callable[..., Path]
) -> None:
    inbox, source = tmp_path / "inbox", "wiki" if write is texts else "default"
    for version, text in ((2, OTHER), (3, THIRD), (4, OTHER)):
        write(inbox / "export", {"new.md": text})
        assert night(store, inbox) == version
        assert night(store, inbox) == version
        assert text_of(store, "new.md", source) == text


@pytest.mark.parametrize("write", [records, texts])
def test_an_earlier_content_under_a_new_name_is_taken(
    store: Store, tmp_path: Path, write: Callable[..., Path]
) -> None:
    inbox, source = tmp_path / "inbox", "wiki" if write is texts else "default"
    for version, text in ((2, OTHER), (3, THIRD), (4, OTHER)):
        write(inbox / f"day-{version}", {"new.md": text})
        assert night(store, inbox) == version
        assert night(store, inbox) == version
        assert text_of(store, "new.md", source) == text


def test_days_that_were_missed_end_with_the_last_one(store: Store, tmp_path: Path) -> None:
    inbox = tmp_path / "inbox"
    for day, text in enumerate((OTHER, THIRD, OTHER)):
        records(inbox / f"day-{day}", {"new": text})
    assert night(store, inbox) == 4
    assert text_of(store, "new") == OTHER


def test_two_folders_of_one_name_do_not_take_turns(store: Store, tmp_path: Path) -> None:
    both = [
        records(tmp_path / "a" / "docs", {"new": OTHER}),
        records(tmp_path / "b" / "docs", {"new": THIRD}),
    ]
    update(store, both)
    with pytest.raises(NothingToDo):
        update(store, both)
    assert text_of(store, "new") == THIRD


def test_a_content_that_a_rollback_withdrew_waits_under_any_name(
    store: Store, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    records(inbox / "export", {"new": OTHER})
    assert night(store, inbox) == 2
    records(inbox / "export", {"new": THIRD})
    assert night(store, inbox) == 3
    rollback(store, 2, "the older was better", documents=True)
    records(inbox / "export-2", {"new": THIRD})
    assert night(store, inbox) == 4
    assert text_of(store, "new") == OTHER


def test_a_purged_document_does_not_come_back_with_what_is_known(
    store: Store, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    older = {"a.md": FIRST, "c.md": THIRD}
    texts(inbox / "2031-05-01", older)
    assert night(store, inbox) == 2
    texts(inbox / "2031-05-02", {**older, "b.md": OTHER})
    assert night(store, inbox) == 3
    assert purge(store, ("wiki", "c.md")).version == 4
    assert night(store, inbox) == 4
    texts(inbox / "2031-05-03", older)
    assert night(store, inbox) == 5
    assert text_of(store, "b.md", "wiki") is None
    assert text_of(store, "c.md", "wiki") is None


def test_a_purged_document_comes_again_with_a_batch_that_is_new(
    store: Store, tmp_path: Path
) -> None:
    inbox = tmp_path / "inbox"
    records(inbox / "05-01", {"new": OTHER})
    night(store, inbox)
    purge(store, ("default", "new"))
    records(inbox / "05-02", {"new": OTHER, "other": THIRD})
    night(store, inbox)
    assert text_of(store, "new") == OTHER


def test_nothing_is_said_of_a_purged_document_in_a_batch_taken_again(
    store: Store, tmp_path: Path
) -> None:
    batch = worlds.write_batch(tmp_path / "inbox" / "b", "law", range(20))
    night(store, tmp_path / "inbox")
    rollback(store, 1, "a bad batch", documents=True)
    purge(store, ("default", "law-7"))
    [lived] = update(store, [batch], again=True)
    assert lived.documents["added"] == 19
    page = json.dumps(dict(store.manifest().facts))
    assert "law-7" not in page
    assert worlds.query("law", 7) not in page
