"""Documents of a new kind that are too few to learn from: searchable at once, counted later."""

from __future__ import annotations

from pathlib import Path

import worlds

from flows.live import open_live
from flows.night import Night, update
from flows.preview import preview
from pipeline.documents import REAL
from state.store import Store


def live_through(store: Store, *batches: Path) -> Night:
    return update(store, batches)[-1]


def outcomes(night: Night) -> list[str]:
    return [outcome.outcome for outcome in night.outcomes]


def test_too_few_of_a_new_kind_wait_and_count_later(store: Store, tmp_path: Path) -> None:
    first = live_through(store, worlds.write_batch(tmp_path / "a", "law", range(60)))
    assert outcomes(first) == ["wait"]
    assert store.manifest().facts["waiting"] == 60
    with open_live(store) as live:
        assert ("default", "law-0") in live.library.number_of
    second = live_through(store, worlds.write_batch(tmp_path / "b", "law", range(60, 120)))
    assert second.outcomes[0].documents == 120
    assert store.manifest().facts["waiting"] == 0


def test_questions_about_whoever_waited_are_not_lost(store: Store, tmp_path: Path) -> None:
    early = worlds.write_batch(tmp_path / "a", "law", range(60), queries=False)
    live_through(store, early)
    late = worlds.write_batch(tmp_path / "b", "law", range(60, 150))
    asked = worlds.write_batch(tmp_path / "c", "law", range(150))
    for name in ("queries.jsonl", "qrels/train.tsv"):
        (late / name).write_text((asked / name).read_text())
    assert outcomes(live_through(store, late)) == ["spawn"]
    with open_live(store) as live:
        pairs = live.modules.kinds["k2"].questions.pairs
    real = {pair.key[1] for pair in pairs if pair.origin == REAL}
    assert real == {f"law-{n}" for n in range(150)}


def test_questions_that_come_while_documents_wait_wait_with_them(
    store: Store, tmp_path: Path
) -> None:
    live_through(store, worlds.write_batch(tmp_path / "a", "law", range(60), queries=False))
    asked = worlds.write_batch(tmp_path / "b", "law", range(60))
    (asked / "corpus.jsonl").write_text("")
    live_through(store, asked)
    with open_live(store) as live:
        waiting, [kind] = live.modules.pool.questions, live.modules.kinds.values()
    about = [pair.key[1] for pair in waiting.pairs if pair.origin == REAL]
    assert about.count("law-7") == worlds.WORDINGS
    assert len(about) == 60 * worlds.WORDINGS
    assert not any(pair.key[1].startswith("law") for pair in kind.questions.pairs)


def test_a_few_that_wait_are_not_quoted(store: Store, tmp_path: Path) -> None:
    """Their name would outlive them in the history, purged or not."""
    night = live_through(store, worlds.write_batch(tmp_path / "a", "law", range(4)))
    [outcome] = night.outcomes
    assert (outcome.outcome, outcome.kind) in (("wait", "untitled"), ("absorb", outcome.kind))
    assert "law" not in store.manifest().reason


def test_a_document_that_waits_may_be_deleted(store: Store, tmp_path: Path) -> None:
    live_through(store, worlds.write_batch(tmp_path / "a", "law", range(60)))
    gone: list[dict[str, object]] = [{"_id": f"law-{n}", "_deleted": True} for n in range(5)]
    more = worlds.write_batch(tmp_path / "b", "law", range(60, 80), extra=gone)
    assert outcomes(preview(store, [more])[0]) == ["wait"]
    night = live_through(store, more)
    assert [(one.outcome, one.documents) for one in night.outcomes] == [("wait", 75)]
    assert store.manifest().facts["waiting"] == 75


def test_a_document_that_waits_and_comes_anew_counts_once(store: Store, tmp_path: Path) -> None:
    live_through(store, worlds.write_batch(tmp_path / "a", "law", range(60)))
    again = worlds.write_batch(tmp_path / "b", "law", range(60))
    corpus = again / "corpus.jsonl"
    corpus.write_text(corpus.read_text().replace('"text": "', '"text": "lawcommonaa '))
    night = live_through(store, again)
    assert [(one.outcome, one.documents) for one in night.outcomes] == [("wait", 60)]
