"""A store that began with a hub's model stays with it, whatever its makers publish later."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import worlds
from hub import FIRST, SECOND, Hub

from flows.bootstrap import bootstrap
from flows.live import Live, open_live
from state.leases import Lease
from state.store import Store


def test_a_store_stays_with_the_encoder_that_it_began_with(
    encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub(tmp_path / "hub", monkeypatch)
    hub.publish("org/tiny", encoder_folder, FIRST)
    corpus = worlds.write_batch(tmp_path / "corpus", "sea", range(60))
    bootstrap(tmp_path / "store", [corpus], encoder="org/tiny")
    hub.publish("org/tiny", worlds.save_tiny_encoder(tmp_path / "other", seed=1), SECOND)
    hub.asked = 0
    store = Store.open(tmp_path / "store")
    facts = store.manifest().encoder
    assert (facts["name"], facts["source"]) == ("org/tiny", f"org/tiny@{FIRST}")
    with open_live(store) as live:
        assert live.encoder.fingerprint == facts["fingerprint"]
    assert hub.asked == 0


def test_a_store_that_tells_no_commit_opens_as_ever(
    store: Store, encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub = Hub(tmp_path / "hub", monkeypatch)
    hub.publish("org/tiny", encoder_folder, FIRST)
    older = store.manifest()
    encoder = {**older.encoder, "name": "org/tiny", "source": "org/tiny"}
    live = Live(store, replace(older, encoder=encoder), Lease())
    assert live.encoder.checkpoint.commit == FIRST
