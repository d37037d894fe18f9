"""Both sides are tried where they may pay, and taken only where they do."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import patience
import pytest
from conftest import WORDS

from pipeline import side
from pipeline.both_sides import BothSidesCourse
from pipeline.candidate import Candidate
from pipeline.crossfit import judges_of_fold
from pipeline.documents import Document, Key, Pair, passages
from pipeline.encoder import Encoder
from pipeline.experts.lora import LoraExpert
from pipeline.experts.mixlora import MixLora
from pipeline.gains import Gains
from pipeline.gate import judge
from pipeline.lessons import lessons
from pipeline.library import Library
from pipeline.measures import Scores
from pipeline.pairs import judges
from pipeline.questions import Questions
from pipeline.retriever import Retriever
from pipeline.router import Router, prototypes_of
from pipeline.segment import Segment, write_segment
from pipeline.side import BothSides, choose_side, promising, too_late, weighed
from pipeline.trial import Trial
from pipeline.tried import Tried

KINDS = {"sea": (WORDS[:50], WORDS[50:60]), "law": (WORDS[100:150], WORDS[150:160])}
DOCUMENTS = 120


def topics(kind: str, number: int) -> list[str]:
    return random.Random(f"{kind} {number}").sample(KINDS[kind][0], 3)


def question(kind: str, number: int, wording: int = 0) -> str:
    choose = random.Random(f"{kind} {number} {wording}")
    return " ".join([*choose.choices(KINDS[kind][1], k=8), *topics(kind, number)])


@pytest.fixture(scope="module")
def library(shared_encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Library:
    folder = tmp_path_factory.mktemp("segment")
    documents = [
        Document(kind, str(number), "", " ".join(topics(kind, number) * 2))
        for kind in KINDS
        for number in range(DOCUMENTS)
    ]
    vectors = shared_encoder.encode_documents([document.text for document in documents]).vectors
    features = np.zeros((len(documents), 1, 32), np.float16)
    write_segment(folder, documents, [passages(d) for d in documents], vectors, features)
    return Library({"s": Segment(folder)}, {})


def about(encoder: Encoder, kind: str) -> Questions:
    numbers = range(DOCUMENTS)
    pairs = [Pair(question(kind, n, w), (kind, str(n))) for n in numbers for w in range(2)]
    return Questions(tuple(pairs), encoder.encode_queries([pair.query for pair in pairs]))


@pytest.fixture
def both(
    tiny_encoder: Encoder, library: Library, monkeypatch: pytest.MonkeyPatch
) -> Iterator[BothSides]:
    """Both sides of the law; the sea is known and has no expert."""
    patience.of(monkeypatch, 1)
    sea, law = about(tiny_encoder, "sea"), about(tiny_encoder, "law")
    router = Router().with_kind("k1", prototypes_of(sea.typical.vectors, 0), None)
    live = Retriever(tiny_encoder, {}, router, library.index())
    keys = [("law", str(number)) for number in range(DOCUMENTS)]
    trial = Trial(live, library, {"k1": sea}, minutes=5, seed=0)
    yield BothSides(trial, "k2", law, keys, "e1-both")
    while tiny_encoder.adapted is not None:
        LoraExpert(tiny_encoder, next(iter(tiny_encoder.adapted.peft_config))).detach()


@dataclass
class Record:
    """Documents that taught, training by training."""

    taught: list[set[Key]] = field(default_factory=list)


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch) -> Record:
    kept = Record()

    def spy(questions: Questions, library: Library) -> Any:
        kept.taught.append({pair.key for pair in questions.pairs})
        return lessons(questions, library)

    monkeypatch.setattr(side, "lessons", spy)
    return kept


def told(own: list[float], losses: dict[str, Any] | None = None) -> Any:
    return judge(Gains.alone(np.array(own)), losses or {}, synthetic=False)


def stand_in(both: BothSides, own: list[float], fold: int) -> Candidate:
    """A query side with these gains; the first `fold` of them out of the first fold."""
    expert = both.trial.fresh("e1", None)
    gains = Gains.alone(np.array(own))
    return Candidate(
        expert, Router(), gains, told(own), None, first_fold=Gains.alone(np.array(own[:fold]))
    )


def test_where_the_query_side_shows_no_promise_nothing_is_tried(both: BothSides) -> None:
    assert not promising(told([-0.1, -0.2] * 20))
    assert not promising(told([0.1] * 5))
    assert not promising(told([0.0, 0.4, -0.2] * 20, {"k1": Gains.alone(np.full(40, -0.1))}))
    assert promising(told([0.3, -0.25] * 20)), "a gain that is not certain may be one"
    assert promising(told([0.1] * 40))
    queries = stand_in(both, [-0.1] * 60, 30)
    choice = choose_side(both, queries)
    assert choice.candidate is queries
    assert choice.reason is None
    assert not both.trial.training_seconds


def test_what_takes_longer_than_what_is_left_is_not_tried(
    both: BothSides, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(side, "estimate", lambda *_: 240.0)
    queries = stand_in(both, [0.1] * 60, 30)
    both.trial.training_seconds.append(60.0)
    choice = choose_side(both, queries)
    assert choice.candidate is queries
    assert choice.reason == "both sides would take about 6.7 minutes, 4.0 are left"
    assert both.trial.training_seconds == [60.0]
    both.trial.training_seconds.append(300.0)
    assert too_late(both) == "no time was left to try both sides"
    both.trial.training_seconds[:] = []
    monkeypatch.setattr(side, "estimate", lambda *_: 150.0)
    assert too_late(both) is None
    assert both.trial.minutes_left == 5


def test_the_fold_that_judges_taught_nothing(both: BothSides, record: Record) -> None:
    asked = {pair.key for pair in judges_of_fold(both.questions, 0).pairs}
    gains = both.first_fold()
    assert len(gains) == len(judges_of_fold(both.questions, 0).answers)
    assert asked
    assert not asked & record.taught[0]
    assert not any(judges(key) for key in record.taught[0])
    candidate = both.whole(gains)
    assert len(candidate.own) == len(gains) + len(both.questions.judging.answers)
    assert candidate.heard[: len(gains)] == gains.heard
    assert len(candidate.heard) == len(candidate.own)
    assert not any(judges(key) for key in record.taught[1])
    assert set(candidate.verdict.losses) == {"k1"}
    assert set(both.trial.live.encoder.adapted.peft_config) == {"e1-both"}


def test_a_mixture_for_both_sides_is_an_heir_of_the_one_that_has_grown_most(
    both: BothSides,
) -> None:
    now = both.trial.live
    small, grown = (MixLora.new(now.encoder, name, seed=0) for name in ("e1", "e2"))
    grown.close()
    grown.grow([0], seed=0)
    for mixture in (small, grown):
        mixture.settle([question("sea", 1)])
    live = Retriever(now.encoder, {"e1": small, "e2": grown}, now.router, now.index)
    trial = replace(both.trial, live=live, method=MixLora.method)
    candidate = replace(both, trial=trial).whole(Tried())
    assert isinstance(candidate.expert, MixLora)
    assert candidate.expert.inherited == grown.sizes


def test_scores_are_calibrated_by_queries_that_neither_taught_nor_judge(
    both: BothSides, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[np.ndarray[Any, np.dtype[np.float32]]] = []
    calibrate = side.calibrate

    def spy(overlaid: Any, composed: Any, frozen: Any, learned: Any) -> Any:
        seen.append(frozen)
        return calibrate(overlaid, composed, frozen, learned)

    monkeypatch.setattr(side, "calibrate", spy)
    taught: list[set[str]] = []
    train_both = side.train_both

    def watch(encoder: Any, expert: Any, made: Any, texts: Any, **how: Any) -> Any:
        course = BothSidesCourse(encoder, made, texts, how["seed"])
        taught.append({made.queries[row] for row in course.learn})
        return train_both(encoder, expert, made, texts, **how)

    monkeypatch.setattr(side, "train_both", watch)
    candidate = both.whole(Tried())
    judging = set(both.questions.judging.answers)
    [frozen] = seen
    texts = [pair.query for pair in both.questions.pairs]
    vectors = both.questions.vectors
    used = {
        texts[int((vectors @ line).argmax())]
        for line in frozen  # each is the vector of one of the kind's queries
    }
    assert used
    assert not used & judging
    assert not used & taught[0]
    assert candidate.overlay is not None
    assert candidate.overlay.scale.slope > 0


def test_the_side_that_surely_gains_more_is_chosen(
    both: BothSides, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience.of(monkeypatch, 12)
    monkeypatch.setattr(BothSidesCourse, "batch", 8)
    asked = len(judges_of_fold(both.questions, 0).answers)
    both = replace(both, trial=replace(both.trial, minutes=60))
    queries = stand_in(both, [0.001] * (3 * asked), asked)
    choice = choose_side(both, queries)
    assert choice.candidate is not queries
    assert choice.candidate.overlay is not None
    assert choice.candidate.verdict.accepted
    assert "more than queries alone" in str(choice.reason)
    assert len(choice.candidate.overlay.parts[0].keys) == DOCUMENTS


def test_the_side_that_does_not_is_not_taught_any_further(both: BothSides) -> None:
    asked = len(judges_of_fold(both.questions, 0).answers)
    queries = stand_in(both, [0.9] * (3 * asked), asked)
    choice = choose_side(both, queries)
    assert choice.candidate is queries
    assert str(choice.reason).endswith("too little")
    assert len(both.trial.training_seconds) == 1
    assert set(both.trial.live.encoder.adapted.peft_config) == {"e1"}


def test_a_gain_must_be_certain_and_worth_its_cost() -> None:
    def worth(more: Scores) -> bool:
        return weighed(Gains.alone(more), Gains.alone(np.zeros(len(more))))[0]

    assert worth(np.full(60, 0.02))
    assert not worth(np.full(60, 0.009)), "certain, but not worth it"
    assert not worth(np.array([0.9, -0.85] * 30)), "worth it, but not certain"
    assert not worth(np.full(10, 0.5)), "too few"
    assert not worth(np.empty(0))


def test_another_name_keeps_the_weights(both: BothSides) -> None:
    candidate = both.whole(Tried())
    state = candidate.expert.state()
    renamed = both.trial.renamed(candidate, "e7")
    assert renamed.expert.name == "e7"
    assert all((weight == state[name]).all() for name, weight in renamed.expert.state().items())
    assert set(both.trial.live.encoder.adapted.peft_config) == {"e7"}
