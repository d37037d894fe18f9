"""Words find documents beside vectors: the living alone, as the version has them, unless off."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import worlds
from handmade import document, first_version, night

from flows.bootstrap import bootstrap
from flows.compact import compact
from flows.live import open_live
from flows.modules import REGISTRY, load_modules
from flows.night import update
from flows.rollback import rollback
from flows.settings import Settings
from flows.shares import MOST_ASKED, real_questions
from nightshift.errors import UsageError
from pipeline.fusion import DEFAULT_SHARE, SHARES, fuse
from pipeline.index import Found
from state.store import Store

QUERIES = [worlds.query("law", 3), worlds.query("sea", 4), worlds.query("ore", 5)]


def named(store: Store, query: str, version: int | None = None) -> list[str]:
    with open_live(store, version) as live:
        [hits] = live.library.lexical.search([query], 50)
        return [live.library.document(hit.number).id for hit in hits]


def words_find(store: Store, version: int | None = None) -> list[list[Found]]:
    with open_live(store, version) as live:
        return live.retriever.ask(QUERIES, 20, leg="lexical").found


def shares(store: Store, version: int | None = None) -> dict[str, float]:
    with open_live(store, version) as live:
        return dict(live.modules.shares)


def test_words_find_what_is_live_and_nothing_else(tmp_path: Path) -> None:
    store = first_version(tmp_path / "store", [document(n, "whale") for n in ("a", "b", "c")])
    night(store, [document("b", "shark"), document("d", "whale")], [("default", "c")])
    assert named(store, "whales") == ["a", "d"]
    assert named(store, "sharks") == ["b"]
    assert named(store, "whales", 1) == ["a", "b", "c"]
    compact(store)
    assert named(store, "whales") == ["a", "d"]
    rollback(store, 1, "all of it", documents=True)
    assert named(store, "whales") == ["a", "b", "c"]


def test_a_share_is_chosen_for_every_kind_with_an_expert_or_without(grown: Store) -> None:
    assert set(shares(grown, 1)) == {"k1"}
    chosen = shares(grown)
    assert set(chosen) == {"k1", "k2"}
    assert set(chosen.values()) <= set(SHARES)
    assert min(chosen["k1"], shares(grown, 1)["k1"]) > DEFAULT_SHARE, "filler drowns vectors"


def test_only_real_questions_choose_a_share(grown: Store) -> None:
    with open_live(grown) as live:
        asked = real_questions(live.modules.kinds["k1"], live.library)
    assert len(asked.answers) == MOST_ASKED
    assert all(pair.key[1].startswith("sea-") for pair in asked.pairs)


def test_what_is_served_is_both_legs_fused_by_the_shares_of_the_kinds(grown: Store) -> None:
    with open_live(grown) as live:
        retriever = live.retriever
        answers = retriever.ask(QUERIES, 20)
        dense = retriever.ask(QUERIES, 100, leg="dense")
        lexical = retriever.ask(QUERIES, 100, leg="lexical").found
        assert answers.routes == dense.routes
        assert answers.dense == dense.found
        assert answers.lexical == lexical
        vectors = live.encoder.encode_queries(QUERIES)
        of_law = retriever.router.weigh(vectors, {"k2": 1.0}, 0.0)
        assert min(of_law) < 0.1 < 0.9 < max(of_law)
        astray = retriever.router.weigh(vectors, {"k1": 0.0, "k2": 0.0}, 1.0)
        assert set(astray) == {0.0, 1.0}
        for row, law in enumerate(of_law):
            near = law * retriever.shares["k2"] + (1 - law) * retriever.shares["k1"]
            share = DEFAULT_SHARE if astray[row] else near
            assert answers.shares[row] == pytest.approx(share)
            fused = fuse(dense.found[row], lexical[row], answers.shares[row], 20)
            assert answers.found[row] == fused
        floor = retriever.ask_frozen(QUERIES, 20, leg="both")
        assert floor.shares == answers.shares
        assert floor.lexical == lexical
        assert retriever.ask_frozen(QUERIES, 100).found == floor.dense


def test_a_rollback_brings_the_shares_of_old(grown: Store) -> None:
    before, after = shares(grown, 1), shares(grown)
    rollback(grown, 1, "the expert was wrong")
    assert shares(grown) == before != after
    rollback(grown, 2, "it was not")
    assert shares(grown) == after


def test_a_rollback_with_documents_brings_back_what_words_found(grown: Store) -> None:
    before, after = words_find(grown, 1), words_find(grown)
    assert before != after
    rollback(grown, 1, "the night was wrong", documents=True)
    assert words_find(grown) == before
    rollback(grown, 2, "it was not", documents=True)
    assert words_find(grown) == after


def test_switched_off_it_is_as_if_there_were_no_words(grown: Store, tmp_path: Path) -> None:
    kept = shares(grown)
    batch = worlds.write_batch(tmp_path / "b", "sea", range(300, 305))
    update(grown, [batch], settings=Settings(lexical=False))
    assert shares(grown) == kept
    with open_live(grown) as live:
        answers = live.retriever.ask(QUERIES, 20)
        assert answers == live.retriever.ask(QUERIES, 20, leg="dense")
        assert live.retriever.ask_frozen(QUERIES, 5, leg="both") == live.retriever.ask_frozen(
            QUERIES, 5
        )
        with pytest.raises(UsageError, match="keyword search is off"):
            live.retriever.ask(QUERIES, 20, leg="lexical")


def test_a_store_without_words_and_shares_is_searched_with_the_default(
    first_store: Path, tmp_path: Path
) -> None:
    """A registry of an older nightshift; segments of one are tried in tests/unit."""
    shutil.copytree(first_store, tmp_path / "store")
    store = Store.open(tmp_path / "store")

    def older(folder: Path) -> None:
        page = json.loads((store.objects.open(names["registry"]) / REGISTRY).read_text())
        del page["shares"]
        (folder / REGISTRY).write_text(json.dumps(page))

    names = store.manifest().modules
    with store.writing():
        registry = store.objects.put(older)
    assert load_modules(store, {**names, "registry": registry}).shares == {}
    with open_live(store) as live:
        live.retriever.shares.clear()
        assert live.retriever.ask(QUERIES, 5).shares == [DEFAULT_SHARE] * len(QUERIES)


def test_without_real_questions_nothing_is_chosen(tmp_path: Path, encoder_folder: Path) -> None:
    corpus = worlds.write_batch(tmp_path / "corpus", "sea", range(60), queries=False)
    bootstrap(tmp_path / "store", [corpus], encoder=str(encoder_folder))
    assert shares(Store.open(tmp_path / "store")) == {"k1": DEFAULT_SHARE}
