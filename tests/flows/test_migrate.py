"""Another encoder: all is encoded again, experts are taught again, and both can be undone."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
import worlds

from flows import migration
from flows.live import open_live
from flows.migration import estimate, migrate
from flows.night import update
from flows.publication import publish_modules
from flows.rollback import rollback
from nightshift.errors import EncoderMismatch, NothingToDo, StoreDamaged, UsageError
from pipeline.index import Found
from state import sealed
from state.store import Store
from state.verify import MIGRATION

QUERIES = [worlds.query("law", 3), worlds.query("sea", 4), worlds.query("ore", 5)]


@pytest.fixture(scope="session")
def other_encoder(tmp_path_factory: pytest.TempPathFactory) -> str:
    return str(worlds.save_tiny_encoder(tmp_path_factory.mktemp("other"), seed=1))


@pytest.fixture(scope="session")
def migrated_store(
    grown_store: Path, other_encoder: str, tmp_path_factory: pytest.TempPathFactory
) -> Path:
    """The store with an expert for the law, by another encoder."""
    folder = tmp_path_factory.mktemp("migrated")
    shutil.copytree(grown_store, folder / "store")
    migrate(Store.open(folder / "store"), other_encoder, anyway=True)
    return folder / "store"


@pytest.fixture
def migrated(migrated_store: Path, tmp_path: Path) -> Store:
    shutil.copytree(migrated_store, tmp_path / "migrated")
    return Store.open(tmp_path / "migrated")


def answers(store: Store, version: int | None = None) -> list[list[Found]]:
    with open_live(store, version) as live:
        return live.retriever.ask(QUERIES, 20).found


def test_the_next_generation_has_the_same_documents_and_kinds(migrated: Store) -> None:
    before, after = migrated.manifest(2), migrated.manifest()
    assert (after.version, after.kind) == (3, "migrate")
    assert after.encoder["fingerprint"] != before.encoder["fingerprint"]
    assert after.facts["encoded"] == before.facts["live_documents"]
    with open_live(migrated, 2) as old, open_live(migrated) as new:
        assert list(new.library.number_of) == list(old.library.number_of)
        assert new.modules.kinds.keys() == old.modules.kinds.keys()
        for id_, kind in old.modules.kinds.items():
            now = new.modules.kinds[id_]
            assert (now.name, now.born, now.questions.pairs) == (
                kind.name, kind.born, kind.questions.pairs,
            )  # fmt: skip
            assert now.documents == pytest.approx(kind.documents, abs=10)
        number = new.library.number_of["default", "law-7"]
        text = new.library.texts(number)
        assert new.library.vectors(number) == pytest.approx(
            new.encoder.encode_documents(text).vectors, abs=1e-5
        )
        found = new.retriever.ask(QUERIES[:1], 600).found[0]
        assert len(found) == len(new.library)
    assert not migrated.verify()
    assert not (migrated.root / MIGRATION).exists()


def test_it_is_taken_back_and_put_back_bit_for_bit(migrated: Store) -> None:
    old, new = answers(migrated, 2), answers(migrated)
    assert old != new
    with pytest.raises(EncoderMismatch, match="its modules need its vectors"):
        rollback(migrated, 2, "the old one was better")
    rollback(migrated, 2, "the old one was better", documents=True)
    assert answers(migrated) == old
    rollback(migrated, 3, "it was not", documents=True)
    assert answers(migrated) == new


def test_nights_go_on_with_the_new_encoder_and_reuse_nothing_of_the_old(
    migrated: Store, tmp_path: Path
) -> None:
    extra: list[dict[str, object]] = [{"_id": "law-1", "_deleted": True}]
    update(migrated, [worlds.write_batch(tmp_path / "a", "sea", range(300, 320), extra=extra)])
    rollback(migrated, 2, "back", documents=True)
    [night] = update(migrated, [worlds.write_batch(tmp_path / "b", "sea", range(300, 330))])
    assert night.encoded == 30
    with open_live(migrated) as live:
        assert len(live.library) == 570
        assert live.manifest.encoder == migrated.manifest(2).encoder


def test_a_killed_migration_goes_on_where_it_was(
    grown: Store, other_encoder: str, migrated_store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "PORTION", 100)
    written = migration.write_segments
    calls: list[int] = []

    def killed(*facts: object, **more: object) -> object:
        calls.append(1)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return written(*facts, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(migration, "write_segments", killed)
    before, found = grown.manifest(), answers(grown)
    with pytest.raises(KeyboardInterrupt):
        migrate(grown, other_encoder, anyway=True)
    assert grown.manifest() == before
    assert answers(grown) == found
    monkeypatch.setattr(migration, "write_segments", written)
    done = migrate(grown, other_encoder, anyway=True)
    assert done.documents - done.encoded == 200
    with open_live(grown) as live, open_live(Store.open(migrated_store)) as whole:
        asked = live.retriever.ask_frozen(QUERIES, 20).found
        for ours, theirs in zip(asked, whole.retriever.ask_frozen(QUERIES, 20).found, strict=True):
            assert [hit.number for hit in ours] == [hit.number for hit in theirs]
    assert not grown.verify()


def test_damaged_notes_of_a_migration_are_named_with_the_way_out(
    grown: Store, other_encoder: str
) -> None:
    place = grown.root / MIGRATION
    sealed.write(place, {"fingerprint": "another's"})
    assert grown.verify() == []
    place.write_bytes(place.read_bytes().replace(b"another", b"someone"))
    assert [damage.what for damage in grown.verify()] == [MIGRATION]
    with pytest.raises(StoreDamaged) as caught:
        migrate(grown, other_encoder, anyway=True)
    assert caught.value.hint == f"rm {place}"


def test_whoever_would_lose_keeps_the_old_encoder(
    grown: Store, other_encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migration, "harm", lambda changes, tolerance: "k1 would lose 3.0 points")
    before = grown.manifest()
    done = migrate(grown, other_encoder)
    assert (done.version, done.objection) == (None, "k1 would lose 3.0 points")
    assert set(done.changes or {}) <= set(before.facts["kinds"])
    assert grown.manifest() == before
    assert migrate(grown, other_encoder, anyway=True).encoded == 0


def test_an_estimate_changes_nothing_and_the_same_encoder_is_no_migration(
    grown: Store, other_encoder: str, encoder_folder: Path
) -> None:
    before = grown.manifest()
    told = estimate(grown, other_encoder)
    assert told.documents == before.facts["live_documents"]
    assert told.minutes > 0
    assert grown.manifest() == before
    for command in (estimate, migrate):
        with pytest.raises(NothingToDo, match="is the encoder of version 2 already"):
            command(grown, str(encoder_folder))


@pytest.mark.parametrize(("left", "said"), [(0, "no document to encode"), (6, "too few to tell")])
def test_a_store_that_is_nearly_empty_stays_as_it_is(
    store: Store, other_encoder: str, tmp_path: Path, left: int, said: str
) -> None:
    gone: list[dict[str, object]] = [
        {"_id": f"sea-{n}", "_deleted": True} for n in range(left, 300)
    ]
    update(store, [worlds.write_batch(tmp_path / "b", "sea", range(0), extra=gone)])
    before = store.manifest()
    with pytest.raises(NothingToDo, match=said):
        migrate(store, other_encoder)
    assert store.manifest() == before


def test_back_at_an_encoder_of_old_its_layers_are_those_of_old(
    migrated: Store, encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Features of its older segments are read again; chosen anew, the layers might be others."""
    monkeypatch.setattr(migration, "layers_that_tell", lambda *_: np.array([0.9, 0.5, 0.5, 0.5]))
    migrate(migrated, str(encoder_folder), anyway=True)
    with open_live(migrated, 2) as old, open_live(migrated) as back:
        assert back.modules.layers == old.modules.layers != (0,)
    gone: list[dict[str, object]] = [{"_id": "sea-1", "_deleted": True}]
    update(migrated, [worlds.write_batch(tmp_path / "a", "sea", range(0), extra=gone)])
    [night] = update(migrated, [worlds.write_batch(tmp_path / "b", "sea", range(1, 2))])
    assert (night.documents["added"], night.encoded) == (1, 0)


def test_an_index_that_the_new_vectors_do_not_fit_is_no_version(
    grown: Store, other_encoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.index.SMALL", 10)
    with grown.writing(), open_live(grown) as live:
        settings = {**live.settings.as_json(), "index": "PCA512,Flat"}
        publish_modules(live, live.modules, "teach", "", {"settings": settings})
    before = grown.manifest()
    with pytest.raises(UsageError, match="PCA512"):
        migrate(grown, other_encoder, anyway=True)
    assert grown.manifest() == before


def test_no_more_experts_are_taught_than_may_live(grown: Store, other_encoder: str) -> None:
    with grown.writing(), open_live(grown) as live:
        settings = {**live.settings.as_json(), "max_experts": 0}
        publish_modules(live, live.modules, "teach", "", {"settings": settings})
    assert migrate(grown, other_encoder, anyway=True).experts == ()
