"""Damage to what only old versions need: nights, purges and searches go on, and it is told."""

from __future__ import annotations

from pathlib import Path

import pytest
import worlds
from handmade import answers, document, first_version
from handmade import night as handmade_night

from flows.compact import compact
from flows.encoding import encoded_before
from flows.history import history
from flows.live import open_live
from flows.night import update
from flows.purge import purge, traces
from flows.record import record_of
from flows.rollback import rollback
from nightshift.errors import NothingToDo
from state.outbox import destination, waiting
from state.retention import gc
from state.store import Store


def damage(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def manifest_of(store: Store, version: int) -> Path:
    return store.root / "versions" / f"{version:08}.json"


@pytest.fixture
def old(tmp_path: Path) -> Store:
    """Four versions: the second one's document is replaced by the third, the fourth adds one."""
    made = first_version(tmp_path / "old", [document(str(n)) for n in range(6)])
    handmade_night(made, [document("a", "old")])
    handmade_night(made, [document("a", "new")])
    compact(made)
    return made


def segment_of(store: Store, version: int, name: str) -> Path:
    return store.objects.path(store.manifest(version).index[name])


def test_every_verb_passes_by_an_old_manifest_that_cannot_be_read(old: Store) -> None:
    key = old.key()
    damage(manifest_of(old, 1))
    damage(manifest_of(old, 2))
    assert [row["version"] for row in history(old)] == [3, 4]
    assert [one.version for one in waiting(old, destination(old.root))] == [3, 4]
    assert record_of(old, old.manifest()).store == key
    handmade_night(old, [document("b")])
    rollback(old, 4, "a test", documents=True)
    purge(old, ("default", "a"))
    gc(old, 30)
    with open_live(old) as live:
        assert answers(live, ["title of 3"], 1)
    assert {one.what for one in old.verify()} == {
        "versions/00000001.json",
        "versions/00000002.json",
    }


def test_a_night_goes_on_beside_damage_to_old_versions(store: Store, tmp_path: Path) -> None:
    changed: list[dict[str, object]] = [{**worlds.document("sea", 900), "_id": "other"}]
    more = worlds.write_batch(tmp_path / "a", "sea", range(300, 310), extra=changed)
    update(store, [more])
    rollback(store, 1, "a test", documents=True)
    damage(segment_of(store, 2, "segment/00000002") / "vectors.npy")
    damage(manifest_of(store, 2))
    batch = worlds.write_batch(tmp_path / "b", "sea", range(300, 320))
    [night] = update(store, [batch])
    assert night.documents["added"] == 20


def test_texts_of_a_damaged_segment_are_encoded_again(old: Store) -> None:
    wanted = {document("a", "old").text_hash, document("3").text_hash}
    assert encoded_before(old, wanted).keys() == wanted
    damage(segment_of(old, 2, "segment/00000002") / "layers.npy")
    fresh = Store.open(old.root)
    assert encoded_before(fresh, wanted).keys() == {document("3").text_hash}


def test_a_purge_says_what_it_could_not_read_and_goes_on(old: Store) -> None:
    lost = segment_of(old, 2, "segment/00000002")
    damage(lost / "layers.npy")
    store, id_ = Store.open(old.root), lost.parent.name + lost.name
    assert traces(store, ("default", "a")).unread == (id_,)
    done = purge(store, ("default", "a"))
    assert done.unread == (id_,)
    with open_live(store) as live:
        assert ("default", "a") not in live.library.number_of
    gc(store, 1)
    assert not lost.exists()
    assert store.verify() == []


def test_a_purge_that_finds_nothing_says_what_it_could_not_read(old: Store) -> None:
    damage(segment_of(old, 2, "segment/00000002") / "layers.npy")
    with pytest.raises(NothingToDo, match="1 damaged object could not be read") as caught:
        purge(Store.open(old.root), ("default", "nobody"))
    assert caught.value.hint == "nightshift verify"
