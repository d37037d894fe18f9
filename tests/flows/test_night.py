"""Whole nights on a tiny encoder: what is decided, what is published, what is never done twice."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import worlds

from flows.evaluate import evaluate
from flows.live import open_live
from flows.night import Night, update
from flows.preview import preview
from flows.settings import Settings
from nightshift.errors import BatchError, EncoderMismatch, NothingToDo
from pipeline import trial as trials
from state.store import Store


def live_through(store: Store, *batches: Path) -> Night:
    return update(store, batches)[-1]


def what_lasts(store: Store) -> list[Path]:
    """Everything in the store but the locks of its readers."""
    return sorted(p for p in store.root.rglob("*") if "leases" not in p.parts)


def outcomes(night: Night) -> list[str]:
    return [outcome.outcome for outcome in night.outcomes]


def test_the_first_version_names_the_layers_that_tell_kinds_apart(store: Store) -> None:
    manifest = store.manifest()
    assert manifest.kind == "init"
    assert manifest.facts["detection"]["layers"]
    assert len(manifest.facts["detection"]["auroc"]) == 4


def test_more_of_the_same_is_absorbed(store: Store, tmp_path: Path) -> None:
    night = live_through(store, worlds.write_batch(tmp_path / "b", "sea", range(300, 420)))
    assert outcomes(night) == ["absorb"]
    assert night.documents["added"] == 120
    assert store.manifest().facts["live_documents"] == 420


def test_a_new_kind_spawns_an_expert_that_the_gate_measured(grown: Store) -> None:
    [outcome] = grown.manifest().facts["outcomes"]
    assert outcome["outcome"] == "spawn"
    assert outcome["expert"] == "e1"
    gate = outcome["gate"]
    assert gate["accepted"]
    assert not gate["synthetic"]
    assert gate["interval"][0] > 0
    assert set(gate["losses"]) == {"k1"}


def test_the_expert_helps_queries_that_never_taught_it(grown: Store, grown_store: Path) -> None:
    with open_live(grown) as live:
        folder = grown_store.parent / "law"
        learned = evaluate(live, folder, leg="dense")
        frozen = evaluate(live, folder, frozen=True)
    assert learned.metrics["nDCG@10"] > frozen.metrics["nDCG@10"] + 0.1
    assert learned.queries == 40 * worlds.WORDINGS
    assert learned.dropped == 0


def test_a_second_night_of_that_kind_reuses_the_expert(grown: Store, tmp_path: Path) -> None:
    night = live_through(grown, worlds.write_batch(tmp_path / "b", "law", range(240, 290)))
    assert outcomes(night) == ["reuse"]
    assert night.outcomes[0].expert == "e1"


def test_a_kind_that_has_grown_by_half_may_refine_its_expert(grown: Store, tmp_path: Path) -> None:
    night = live_through(grown, worlds.write_batch(tmp_path / "b", "law", range(240, 440)))
    [outcome] = night.outcomes
    assert outcome.gate is not None
    assert outcome.outcome == ("refine" if outcome.gate["accepted"] else "reuse")
    assert outcome.expert == ("e1-2" if outcome.gate["accepted"] else "e1")
    assert "expert/e1" in grown.manifest().modules


def test_what_a_refused_revision_was_to_learn_has_taught_nobody(
    grown: Store, tmp_path: Path
) -> None:
    with open_live(grown) as live:
        before = live.modules.kinds["k2"]
    assert before.taught == before.tried == len(before.questions.teaching)
    settings = Settings(gate_margin=1.0)
    batch = worlds.write_batch(tmp_path / "b", "law", range(240, 440))
    [night] = update(grown, [batch], settings=settings)
    assert night.outcomes[0].reason.startswith("e1 stays, a revision was refused")
    with open_live(grown) as live:
        after = live.modules.kinds["k2"]
    assert after.taught == before.taught
    assert after.tried == len(after.questions.teaching) > before.tried


def test_groups_of_one_night_share_its_minutes(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[float] = []
    train = trials.train

    def timed(*facts: Any, minutes: float, **more: Any) -> Any:
        given.append(minutes)
        return train(*facts, minutes=minutes, **more)

    monkeypatch.setattr(trials, "train", timed)
    law, ore = (worlds.write_batch(tmp_path / kind, kind, range(120)) for kind in ("law", "ore"))
    for name in ("corpus.jsonl", "queries.jsonl", "qrels/train.tsv"):
        with (law / name).open("a") as both:
            both.write((ore / name).read_text().removeprefix("query-id\tcorpus-id\tscore\n"))
    [night] = update(store, [law], settings=Settings(train_minutes=18))
    assert len(night.outcomes) == 2
    assert given[:3] == [3.0] * 3, "of half of the minutes a third for each fold"
    assert len(given) == 6
    assert all(5.0 < minutes < 6.0 for minutes in given[3:]), "a third of what the first has left"


def test_a_mixed_night_is_sorted_by_kind(grown: Store, tmp_path: Path) -> None:
    batch = worlds.write_batch(
        tmp_path / "b",
        "law",
        range(240, 280),
        extra=[dict(worlds.document("sea", n)) for n in range(300, 380)],
    )
    night = live_through(grown, batch)
    sizes = {outcome.outcome: outcome.documents for outcome in night.outcomes}
    assert set(sizes) == {"absorb", "reuse"}
    assert sum(sizes.values()) == 120
    assert 36 <= sizes["reuse"] <= 42, "a stray document or two may look like the other kind"


def test_garbage_never_reaches_the_index(store: Store, tmp_path: Path) -> None:
    noise = [
        {"_id": f"g{n}", "text": f"tide {n} " + "all the same words again. " * 200}
        for n in range(5)
    ]
    night = live_through(
        store, worlds.write_batch(tmp_path / "b", "sea", range(300, 340), extra=list(noise))
    )
    assert outcomes(night) == ["absorb", "quarantine"]
    with open_live(store) as live:
        assert ("default", "g0") not in live.library.number_of
    assert store.manifest().facts["quarantined"][0]["reason"]


def test_a_night_without_labels_teaches_and_judges_with_different_queries(
    store: Store, tmp_path: Path
) -> None:
    night = live_through(
        store, worlds.write_batch(tmp_path / "b", "ore", range(150), queries=False)
    )
    [outcome] = night.outcomes
    assert outcome.gate is not None
    assert outcome.gate["synthetic"]


def test_the_same_batch_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    batch = worlds.write_batch(tmp_path / "b", "sea", range(300, 340))
    live_through(store, batch)
    head = store.head()
    with pytest.raises(NothingToDo):
        update(store, [batch])
    assert store.head() == head


def test_known_documents_in_another_batch_are_not_encoded_again(
    store: Store, tmp_path: Path
) -> None:
    night = live_through(store, worlds.write_batch(tmp_path / "b", "sea", range(280, 320)))
    assert night.encoded == 20
    assert night.documents["unchanged"] == 20


def test_a_text_under_a_new_name_keeps_its_vector(store: Store, tmp_path: Path) -> None:
    moved = {**worlds.document("sea", 5), "_id": "moved"}
    night = live_through(
        store, worlds.write_batch(tmp_path / "b", "sea", range(300, 301), extra=[moved])
    )
    assert night.documents["added"] == 2
    assert night.encoded == 1


def test_an_update_replaces_and_a_deletion_removes(store: Store, tmp_path: Path) -> None:
    changed = {**worlds.document("sea", 400), "_id": "sea-1"}
    gone = {"_id": "sea-2", "_deleted": True}
    night = live_through(
        store, worlds.write_batch(tmp_path / "b", "sea", range(300, 302), extra=[changed, gone])
    )
    assert night.documents == {
        "added": 2,
        "updated": 1,
        "deleted": 1,
        "unchanged": 0,
        "quarantined": 0,
    }
    with open_live(store) as live:
        found = live.retriever.ask([str(changed["text"])], 400).found[0]
        documents = [live.library.document(hit.number) for hit in found]
        ids = [document.id for document in documents]
    assert ids.count("sea-1") == 1
    assert "sea-2" not in ids
    assert documents[ids.index("sea-1")].text == changed["text"]


def test_questions_retire_with_their_document(grown: Store, tmp_path: Path) -> None:
    gone: list[dict[str, object]] = [{"_id": f"law-{n}", "_deleted": True} for n in range(100)]
    live_through(grown, worlds.write_batch(tmp_path / "b", "sea", range(300, 302), extra=gone))
    with open_live(grown) as live:
        asked = {pair.key for kind in live.modules.kinds.values() for pair in kind.questions.pairs}
        assert asked <= set(live.library.number_of)


def test_an_empty_night_makes_no_version(store: Store, tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / "b" / "corpus.jsonl").write_text("")
    with pytest.raises(NothingToDo):
        update(store, [tmp_path / "b"])
    assert store.head().version == 1


def test_several_batches_are_several_nights_in_order(store: Store, tmp_path: Path) -> None:
    paths = [
        worlds.write_batch(tmp_path / name, "sea", numbers)
        for name, numbers in (("a", range(300, 310)), ("b", range(310, 330)))
    ]
    nights = update(store, paths)
    assert [night.version for night in nights] == [2, 3]
    assert [night.documents["added"] for night in nights] == [10, 20]


def test_a_batch_that_cannot_be_read_keeps_nobody_from_the_others(
    store: Store, tmp_path: Path
) -> None:
    good = worlds.write_batch(tmp_path / "good", "sea", range(300, 310))
    (tmp_path / "empty").mkdir()
    nights = update(store, [tmp_path / "empty", good])
    assert [(night.batch, night.version) for night in nights] == [("good", 2), ("empty", None)]
    assert "is not a batch" in nights[1].outcomes[0].reason
    with pytest.raises(BatchError, match="is not a batch"):
        update(store, [tmp_path / "empty", good])


def test_a_dry_run_tells_the_decision_and_changes_nothing(store: Store, tmp_path: Path) -> None:
    batch = worlds.write_batch(tmp_path / "b", "law", range(150))
    before = what_lasts(store)
    [night] = preview(store, [batch])
    assert outcomes(night) == ["spawn"]
    assert night.version is None
    assert night.seconds["train"] > 0
    assert what_lasts(store) == before


def test_a_dry_run_names_a_kind_as_the_night_does(store: Store, tmp_path: Path) -> None:
    """A word that the index is full of sets nothing apart from it."""
    batch = worlds.write_batch(tmp_path / "b", "law", range(150))
    corpus = batch / "corpus.jsonl"
    corpus.write_text(corpus.read_text().replace('"text": "', '"text": "seacommonaa '))
    [dry], [lived] = preview(store, [batch]), update(store, [batch])
    assert dry.outcomes[0].kind == lived.outcomes[0].kind
    assert "seacommonaa" not in lived.outcomes[0].kind


def test_expert_and_kind_names_are_never_given_twice(grown: Store, tmp_path: Path) -> None:
    from flows.rollback import rollback

    rollback(grown, 1, "try again", documents=True)
    night = live_through(grown, worlds.write_batch(tmp_path / "b", "law", range(240)))
    assert night.outcomes[0].expert in ("e2", None)
    assert "kind/k2/questions" not in grown.manifest().modules


def test_another_encoder_is_refused(store: Store, tmp_path: Path) -> None:
    other = worlds.save_tiny_encoder(tmp_path / "other", seed=1)
    source = Path(store.manifest().encoder["source"])
    kept = {path.name: path.read_bytes() for path in source.iterdir()}
    try:
        for path in other.iterdir():
            (source / path.name).write_bytes(path.read_bytes())
        with pytest.raises(EncoderMismatch):
            update(store, [worlds.write_batch(tmp_path / "b", "sea", range(300, 310))])
    finally:
        for name, data in kept.items():
            (source / name).write_bytes(data)
