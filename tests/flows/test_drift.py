"""Whoever changes slowly is never news; what it was at first tells."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import worlds

from flows.drift import drifted
from flows.live import open_live
from flows.night import update
from flows.publication import publish_modules
from state.store import Store


def of_another_birth(store: Store) -> Store:
    """The sea as if its first text had been about the law."""
    with store.writing(), open_live(store) as live:
        sea, law = (live.modules.kinds[id_] for id_ in ("k1", "k2"))
        kinds = {**live.modules.kinds, "k1": replace(sea, birth=law.statistics)}
        publish_modules(live, replace(live.modules, kinds=kinds), "teach", "", {})
    return store


def test_a_kind_that_has_moved_from_its_first_text_is_told_of_and_decided_as_ever(
    grown: Store, tmp_path: Path
) -> None:
    batches = [
        worlds.write_batch(tmp_path / str(n), "sea", range(300 + n, 360 + n)) for n in (0, 60)
    ]
    [night] = update(grown, batches[:1])
    assert "drifted" not in night.outcomes[0].reason
    [night] = update(of_another_birth(grown), batches[1:])
    [outcome] = night.outcomes
    assert outcome.outcome == "absorb"
    assert "; it has drifted: " in outcome.reason
    assert outcome.reason.endswith("% lies farther out than 95 % of its first text")


def test_where_nothing_came_nothing_has_drifted(grown: Store) -> None:
    with open_live(grown) as live:
        kind = live.modules.kinds["k1"]
        nothing = np.empty((0, *kind.statistics.scores.shape[1:], live.encoder.dimension))
        assert drifted(kind, nothing.astype(np.float16), np.empty(0, np.uint64), 365) is None
