"""What an update is to the kind whose document it replaces: another text, and no growth."""

from __future__ import annotations

from pathlib import Path

import worlds

from flows.live import open_live
from flows.modules import Kind
from flows.night import Night, update
from flows.preview import preview
from pipeline.documents import REAL, Pair
from state.store import Store


def live_through(store: Store, batch: Path) -> Night:
    return update(store, [batch])[-1]


def kind_of(store: Store, name: str) -> Kind:
    with open_live(store) as live:
        return live.modules.kinds[name]


def reworded(folder: Path, kind: str, numbers: range, **how: bool) -> Path:
    """Documents that are there already, each with another word."""
    batch = worlds.write_batch(folder, kind, numbers, **how)
    corpus = batch / "corpus.jsonl"
    corpus.write_text(corpus.read_text().replace('"text": "', f'"text": "{kind}commonaa '))
    return batch


def test_a_kind_does_not_grow_by_updates(grown: Store, tmp_path: Path) -> None:
    before = kind_of(grown, "k2")
    night = live_through(grown, reworded(tmp_path / "b", "law", range(150), queries=False))
    assert night.documents["updated"] == 150
    assert [outcome.outcome for outcome in night.outcomes] == ["reuse"]
    after = kind_of(grown, "k2")
    assert after.documents == before.documents == 240
    assert after.statistics.documents == before.statistics.documents


def test_a_refused_kind_is_not_tried_again_because_of_updates(store: Store, tmp_path: Path) -> None:
    """Nor does a dry run say so."""
    live_through(store, worlds.write_batch(tmp_path / "a", "ore", range(150), queries=False))
    kind = kind_of(store, "k2")
    assert (kind.expert, kind.asked) == (None, 150), "the gate refuses an expert taught by spans"
    again = reworded(tmp_path / "b", "ore", range(120), queries=False)
    assert [outcome.outcome for outcome in preview(store, [again])[0].outcomes] == ["absorb"]
    assert [outcome.outcome for outcome in live_through(store, again).outcomes] == ["absorb"]
    assert kind_of(store, "k2").documents == 150


def test_what_was_made_from_a_text_goes_with_it(store: Store, tmp_path: Path) -> None:
    live_through(store, worlds.write_batch(tmp_path / "a", "ore", range(150), queries=False))
    made = {pair for pair in kind_of(store, "k2").questions.pairs if pair.key[1] == "ore-3"}
    assert made
    assert all(pair.origin != REAL for pair in made)
    other = {**worlds.document("ore", 700), "_id": "ore-3"}
    live_through(store, worlds.write_batch(tmp_path / "b", "ore", range(150, 155), extra=[other]))
    assert not made & set(kind_of(store, "k2").questions.pairs)


def test_other_metadata_makes_no_other_questions(store: Store, tmp_path: Path) -> None:
    """What teaches, what judges and what was taught stay as they are."""
    live_through(store, worlds.write_batch(tmp_path / "a", "ore", range(150), queries=False))
    before = {name: kind_of(store, name) for name in ("k1", "k2")}
    for kind, numbers in (("sea", range(300)), ("ore", range(150))):
        batch = worlds.write_batch(tmp_path / kind, kind, numbers, queries=False)
        corpus = batch / "corpus.jsonl"
        corpus.write_text(corpus.read_text().replace('"title"', '"metadata": {"n": 1}, "title"'))
        night = live_through(store, batch)
        assert (night.documents["updated"], night.encoded) == (len(numbers), 0)
    for name, kind in before.items():
        assert set(kind.questions.pairs) <= set(kind_of(store, name).questions.pairs)
        assert kind_of(store, name).taught == kind.taught


def test_what_people_asked_outlives_an_update(grown: Store, tmp_path: Path) -> None:
    real = {pair for pair in kind_of(grown, "k2").questions.pairs if pair.origin == REAL}
    live_through(grown, reworded(tmp_path / "b", "law", range(150), queries=False))
    assert real <= set(kind_of(grown, "k2").questions.pairs)


def test_only_lessons_that_are_left_count_as_taught(grown: Store, tmp_path: Path) -> None:
    kind = kind_of(grown, "k2")
    assert kind.taught == len(kind.questions.teaching)
    learned = kind.questions.teaching.pairs
    fewer = kind.asking(kind.questions.where(lambda pair: pair.key[1] >= "law-2"))
    assert 0 < fewer.taught == fewer.tried == len(fewer.questions.teaching) < kind.taught
    more = [Pair(f"another {n}", pair.key) for n, pair in enumerate(learned)]
    asked = type(kind.questions)(tuple(more), kind.questions.teaching.vectors)
    assert kind.asking(kind.questions + asked).taught == kind.taught


def test_what_people_asked_about_whoever_waits_outlives_an_update(
    store: Store, tmp_path: Path
) -> None:
    live_through(store, worlds.write_batch(tmp_path / "a", "law", range(60)))
    live_through(store, reworded(tmp_path / "b", "law", range(60), queries=False))
    with open_live(store) as live:
        assert len(live.modules.pool.keys) == 60
        real = [pair for pair in live.modules.pool.questions.pairs if pair.origin == REAL]
    assert len(real) == 60 * worlds.WORDINGS
