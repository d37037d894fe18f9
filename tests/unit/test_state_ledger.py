"""The ledger: which batches are in the documents now, whatever was taken back and forth."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from state.ledger import Entry, Ledger
from state.manifest import Manifest

NIGHTS = st.lists(st.sampled_from("abcd"), max_size=2, unique=True)
ROLLBACKS = st.tuples(st.integers(1, 30), st.booleans())


def night(number: int, *batches: str) -> Manifest:
    listed = [{"batch": f"{name}.jsonl", "digest": name} for name in batches]
    return version(number, "night", {"batches": listed})


def rollback(number: int, to: int, *, documents: bool) -> Manifest:
    return version(number, "rollback", {"rollback": {"to": to, "documents": documents}})


def version(number: int, kind: str, facts: dict[str, Any]) -> Manifest:
    return Manifest(number, number - 1 or None, "", kind, "", {}, {}, {}, facts)


def taken(history: list[Manifest]) -> dict[str, Entry]:
    return dict(Ledger.of(history).entries)


def live(history: list[Manifest]) -> dict[str, int]:
    entries = taken(history)
    return {name: entry.version for name, entry in entries.items() if not entry.withdrawn}


def test_a_batch_is_taken_by_the_version_that_lists_it() -> None:
    assert taken([night(1), night(2, "a", "b"), night(3, "c")]) == {
        "a": Entry(2, "a.jsonl", withdrawn=False),
        "b": Entry(2, "b.jsonl", withdrawn=False),
        "c": Entry(3, "c.jsonl", withdrawn=False),
    }


def test_nothing_was_taken_before_the_first_version() -> None:
    assert taken([]) == {}
    assert taken([version(1, "init", {})]) == {}


def test_a_rollback_of_documents_withdraws_what_came_after() -> None:
    history = [night(1, "a"), night(2, "b"), rollback(3, 1, documents=True)]
    assert taken(history) == {
        "a": Entry(1, "a.jsonl", withdrawn=False),
        "b": Entry(2, "b.jsonl", withdrawn=True),
    }


def test_a_rollback_of_modules_withdraws_nothing() -> None:
    history = [night(1, "a"), night(2, "b"), rollback(3, 1, documents=False)]
    assert live(history) == {"a": 1, "b": 2}


def test_a_withdrawn_batch_that_is_taken_again_is_live_again() -> None:
    history = [night(1, "a"), night(2, "b"), rollback(3, 1, documents=True), night(4, "b")]
    assert live(history) == {"a": 1, "b": 4}


def test_of_two_takings_that_are_live_the_last_one_counts() -> None:
    assert live([night(1, "a"), night(2, "a")]) == {"a": 2}


def test_a_rollback_to_before_a_rollback_brings_its_batches_back() -> None:
    history = [
        night(1, "a"),
        night(2, "b"),
        rollback(3, 1, documents=True),
        night(4, "c"),
        rollback(5, 2, documents=True),
    ]
    assert live(history) == {"a": 1, "b": 2}
    assert taken(history)["c"].withdrawn


def test_a_rollback_to_a_rollback_has_what_that_one_had() -> None:
    history = [
        night(1, "a"),
        night(2, "b"),
        rollback(3, 1, documents=True),
        night(4, "c"),
        rollback(5, 3, documents=True),
    ]
    assert live(history) == {"a": 1}


def test_what_was_met_without_a_version_is_live_and_withdrawn_like_what_was_taken() -> None:
    history, met = [night(1, "a"), night(2, "b")], {1: [{"batch": "x", "digest": "x"}]}
    entry = Ledger.of(history, met).entries["x"]
    assert entry == Entry(1, "x", withdrawn=False)
    late = {2: met[1]}
    back = [*history, rollback(3, 1, documents=True)]
    assert not Ledger.of(back, met).entries["x"].withdrawn
    assert Ledger.of(back, late).entries["x"].withdrawn
    after = Ledger.of(back, {3: met[1]})
    assert after.entries["x"] == Entry(3, "x", withdrawn=False)
    assert after.first["x"] == 3


def test_what_a_name_stood_for_last_counts_only_where_it_is_live() -> None:
    first, second = ({"batch": "export", "digest": name, "source": "s"} for name in "ab")
    history = [version(1, "init", {"batches": [first]}), version(2, "night", {"batches": [second]})]
    assert Ledger.of(history).latest == {("s", "export"): "b"}
    back = [*history, rollback(3, 1, documents=True)]
    assert Ledger.of(back).latest == {("s", "export"): "a"}


@st.composite
def histories(draw: st.DrawFn) -> list[Manifest]:
    history = [night(1, *draw(NIGHTS))]
    for step in draw(st.lists(NIGHTS | ROLLBACKS, max_size=10)):
        number = len(history) + 1
        if isinstance(step, tuple):
            history.append(rollback(number, (step[0] - 1) % (number - 1) + 1, documents=step[1]))
        else:
            history.append(night(number, *step))
    return history


def model(history: list[Manifest]) -> set[str]:
    """The definition, forwards: the digests in each version's documents."""
    documents: dict[int | None, set[str]] = {None: set()}
    for manifest in history:
        back = manifest.facts.get("rollback")
        own = {batch["digest"] for batch in manifest.facts.get("batches", [])}
        source = back["to"] if back and back["documents"] else manifest.parent
        documents[manifest.version] = documents[source] | own
    return documents[len(history)]


@given(histories())
def test_the_live_batches_are_those_of_the_definition(history: list[Manifest]) -> None:
    assert live(history).keys() == model(history)


@given(histories())
def test_what_was_ever_taken_is_never_forgotten(history: list[Manifest]) -> None:
    listed = {b["digest"] for manifest in history for b in manifest.facts.get("batches", [])}
    assert taken(history).keys() == listed


@given(histories(), st.data())
def test_a_rollback_of_documents_is_that_version_again(
    history: list[Manifest], data: st.DataObject
) -> None:
    to = data.draw(st.integers(1, len(history)))
    back = [*history, rollback(len(history) + 1, to, documents=True)]
    assert live(back) == live(history[:to])
