"""The benchmark's own systems do what their papers say, on vectors made by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import WORDS

from bench.quality.systems.qdc import DriftCompensated
from bench.quality.systems.router_retriever import RouterRetriever
from pipeline.composition.base import unit
from pipeline.detectors.base import Known
from pipeline.detectors.sema import BATCH, Sema
from pipeline.documents import Pair
from pipeline.encoder import Encoder
from pipeline.questions import Questions

GONE = np.nan


def asked(vectors: list[list[float]]) -> Questions:
    pairs = tuple(Pair(f"q{row}", ("sea", str(row))) for row in range(len(vectors)))
    return Questions(pairs, np.array(vectors, np.float32))


def retriever(tmp_path: Path, scores: dict[str, list[float]]) -> Any:
    """One night; queries to the east, to the north, between the two, and to the west."""
    system: Any = RouterRetriever(root=tmp_path, floor=None, seed=0)  # type: ignore[arg-type]
    half = float(np.sqrt(0.5))
    system._asked["n1"] = asked([[1, 0], [0, 1], [half, half], [-1, 0]])
    system._experts = dict.fromkeys(name for name in scores if name != "frozen")
    system._scores = {("n1", name): np.array(told) for name, told in scores.items()}
    return system


def test_a_pilot_is_the_mean_of_the_queries_that_one_expert_answers_best(tmp_path: Path) -> None:
    system = retriever(tmp_path, {"frozen": [0, 1, 0, 1], "e1": [1, 0, 1, 0]})
    pilots = system._pilots()
    assert pilots["e1"] == pytest.approx(unit(np.array([[1 + np.sqrt(0.5), np.sqrt(0.5)]])))
    assert pilots["frozen"] == pytest.approx(unit(np.array([[-1, 1]])))


def test_whom_two_answer_equally_well_goes_to_the_older(tmp_path: Path) -> None:
    system = retriever(tmp_path, {"frozen": [1, 0, 0, 0], "e1": [1, 1, 1, 0], "e2": [1, 1, 1, 1]})
    pilots = system._pilots()
    assert pilots["frozen"] == pytest.approx(np.array([[1, 0]]))
    assert pilots["e2"] == pytest.approx(np.array([[-1, 0]]))


def test_a_query_whose_document_has_gone_makes_no_pilot(tmp_path: Path) -> None:
    system = retriever(tmp_path, {"frozen": [1, 0, GONE, 0], "e1": [0, 1, GONE, 1]})
    pilots = system._pilots()
    assert pilots["frozen"] == pytest.approx(np.array([[1, 0]]))
    assert pilots["e1"] == pytest.approx(unit(np.array([[-1, 1]])))


def test_a_query_is_moved_back_by_every_training_since_its_documents_came(
    tmp_path: Path, tiny_encoder: Encoder
) -> None:
    """Documents lie where the query was before two trainings; without them it finds another."""
    system: Any = DriftCompensated(root=tmp_path, floor=None, seed=0)  # type: ignore[arg-type]
    query = " ".join(WORDS[:8])
    [now] = tiny_encoder.encode_queries([query])
    random = np.random.default_rng(0)
    first, second = (0.5 * random.normal(size=now.shape).astype(np.float32) for _ in range(2))
    system._model, system._drifts = tiny_encoder, [first, second]
    system._vectors = {
        0: {"a": unit((now - second - first)[None]), "b": unit((now + first)[None])},
        1: {"c": unit((now - second)[None] + 0.01), "d": unit((now - first)[None])},
        2: {"e": -now[None]},
    }
    system._shelve(StandIn(["a", "b", "c", "d", "e"]))
    assert system.corrected("sea", [query], 2) == [["a", "c"]]
    assert system.uncorrected("sea", [query], 2) != [["a", "c"]]


class StandIn:
    """A library of documents whose names are their texts' hashes."""

    def __init__(self, names: list[str]) -> None:
        self._names = names
        self.number_of = {("sea", name): number for number, name in enumerate(names)}

    def text_hash(self, number: int) -> str:
        return self._names[number]


def test_one_odd_document_beyond_a_full_batch_is_no_alarm() -> None:
    """As a batch of its own it would be one."""
    random = np.random.default_rng(0)
    known = Known(random.normal(size=(400, 3, 12)), np.arange(400, dtype=np.uint64))
    night = random.normal(size=(BATCH + 1, 3, 12))
    last = np.random.default_rng(0).permutation(len(night))[-1]
    night[last] += 5
    fitted = Sema().fit([known], seed=0)
    assert fitted.alarm(night[[last]], np.zeros(1, np.uint64)).new
    assert not fitted.alarm(night, np.arange(len(night), dtype=np.uint64)).new
