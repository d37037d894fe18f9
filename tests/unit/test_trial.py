"""A trial judges a candidate only by documents that never taught it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import patience
import pytest
import torch
from conftest import WORDS
from two_kinds import DOCUMENTS, about, asked, question, shelved, topics

from pipeline import crossfit, trial
from pipeline.candidate import Candidate
from pipeline.documents import SPAN, TERMS, Key, Pair
from pipeline.encoder import Encoder
from pipeline.experts.lora import LoraExpert
from pipeline.gains import Gains
from pipeline.lessons import lessons
from pipeline.library import Library
from pipeline.pairs import judges
from pipeline.questions import Questions
from pipeline.retriever import Retriever
from pipeline.router import FROZEN, Router, prototypes_of
from pipeline.trial import Trial
from pipeline.tried import each_once, hear, quality


@pytest.fixture(scope="module")
def library(shared_encoder: Encoder, tmp_path_factory: pytest.TempPathFactory) -> Library:
    return shelved(shared_encoder, tmp_path_factory.mktemp("segment"))


@pytest.fixture
def ground(
    tiny_encoder: Encoder, library: Library, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Trial]:
    """The sea is known and has no expert; whatever the test attaches is taken out again."""
    patience.of(monkeypatch, 1)
    sea = about(tiny_encoder, "sea")
    router = Router().with_kind("k1", prototypes_of(sea.typical.vectors, 0), None)
    live = Retriever(tiny_encoder, {}, router, library.index())
    yield Trial(live, library, {"k1": sea}, minutes=5, seed=0)
    while tiny_encoder.adapted is not None:
        LoraExpert(tiny_encoder, next(iter(tiny_encoder.adapted.peft_config))).detach()


@dataclass
class Record:
    """What taught and what judged, in order."""

    taught: list[set[Key]] = field(default_factory=list)
    events: list[tuple[set[Key], set[Key]]] = field(default_factory=list)
    """Documents that had taught the expert, documents that it was then judged by."""


@pytest.fixture
def record(monkeypatch: pytest.MonkeyPatch, library: Library) -> Record:
    kept = Record()

    def spy_lessons(questions: Questions, library: Library) -> Any:
        kept.taught.append({pair.key for pair in questions.pairs})
        return lessons(questions, library)

    def spy_hear(retriever: Retriever, questions: Questions, library: Library) -> Any:
        # What is live has no expert here: it may be asked anything.
        if kept.taught and retriever.experts:
            fold = any("-fold" in name for name in retriever.experts)
            taught = kept.taught[-1] if fold else set.union(*kept.taught)
            kept.events.append((taught, {pair.key for pair in questions.pairs}))
        return hear(retriever, questions, library)

    monkeypatch.setattr(trial, "lessons", spy_lessons)
    monkeypatch.setattr(trial, "hear", spy_hear)
    return kept


def test_nobody_is_judged_by_a_document_that_taught(ground: Trial, record: Record) -> None:
    questions = about(ground.live.encoder, "law")
    ground.new("k2", questions, "e1")
    assert len(record.taught) == crossfit.FOLDS
    assert len(record.events) > crossfit.FOLDS
    for taught, judged in record.events:
        assert taught
        assert judged
        assert not taught & judged
    keys = {pair.key for pair in questions.pairs}
    assert not any(judges(key) for taught in record.taught for key in taught)
    assert set.union(*record.taught) == {key for key in keys if not judges(key)}
    assert set.union(*(judged for _, judged in record.events)) >= keys


def test_a_query_about_documents_of_several_folds_neither_teaches_nor_judges_across(
    ground: Trial, record: Record
) -> None:
    pairs = list(about(ground.live.encoder, "law").pairs)
    both = [Pair(pair.query, ("law", str(int(pair.key[1]) // 2))) for pair in pairs[::3]]
    ground.new("k2", asked(ground.live.encoder, [*pairs, *both]), "e1")
    assert all(not taught & judged for taught, judged in record.events)


def test_what_is_live_is_asked_each_query_once_however_many_candidates_there_are(
    ground: Trial, library: Library, monkeypatch: pytest.MonkeyPatch
) -> None:
    experts = {name: ground.fresh(name) for name in ("e1", "e2")}
    live = Retriever(ground.live.encoder, experts, ground.live.router, library.index())
    two = Trial(live, library, ground.others, minutes=5, seed=0)
    asked_live: list[tuple[Pair, ...]] = []

    def spy_hear(retriever: Retriever, questions: Questions, library: Library) -> Any:
        if retriever is live:
            asked_live.append(questions.pairs)
        return hear(retriever, questions, library)

    monkeypatch.setattr(trial, "hear", spy_hear)
    questions = about(ground.live.encoder, "law")
    first, second = (two.existing("k2", questions, expert) for expert in experts.values())
    assert first.verdict == second.verdict, "both are untaught"
    assert len(asked_live) == len(set(asked_live)) >= 1


def test_who_takes_the_same_route_gains_nothing_and_others_what_they_gain_when_all_are_asked(
    ground: Trial,
) -> None:
    """Half of the sea goes to an expert that makes something else of it."""
    sea = ground.others["k1"]
    expert = ground.fresh("e1")
    expert.restore({name: weight + 0.05 for name, weight in expert.state().items()})
    router = ground.live.router.with_kind("k2", sea.vectors[::7], "e1").calibrated(sea.vectors)
    routes = router.route(each_once(sea)[1])
    moved = np.array([route != {FROZEN: 1.0} for route in routes])
    assert 0 < moved.sum() < len(moved)
    everybody = ground.tried(router, sea, {"e1": expert}).gains
    found = ground.gain(router, sea, {"e1": expert})
    assert np.array_equal(found.about, everybody.about)
    assert found.values == pytest.approx(everybody.values)
    assert np.any(found.values[moved])
    assert not np.any(found.values[~moved])


def test_folds_are_dealt_by_document_and_about_equal() -> None:
    folds = [crossfit.fold_of(("law", str(number))) for number in range(3000)]
    assert np.bincount(folds).tolist() == pytest.approx([1000] * crossfit.FOLDS, abs=80)
    tenth = [crossfit.fold_of(key) for key in (("x", str(n)) for n in range(9000)) if judges(key)]
    assert np.bincount(tenth).tolist() == pytest.approx([300] * crossfit.FOLDS, abs=60)


def test_an_expert_that_helps_its_kind_is_accepted_and_reached_by_its_queries(
    ground: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience.of(monkeypatch, 6)
    questions = about(ground.live.encoder, "law", wordings=2)
    candidate = ground.new("k2", questions, "e1")
    assert candidate.verdict.accepted, candidate.verdict.reason
    assert candidate.verdict.queries == len(candidate.own) == len(questions.answers)
    assert candidate.verdict.gain == pytest.approx(candidate.own.mean)
    heard = {one.query: one for one in candidate.heard}
    assert set(heard) == set(questions.answers)
    assert len(candidate.heard) == len(candidate.own)
    assert all(one.real and len(one.dense) == 100 for one in candidate.heard)
    one = heard[question("law", 7)]
    assert one.relevant == {ground.library.number_of["law", "7"]}
    live = quality(hear(ground.live, questions, ground.library))
    assert quality(candidate.heard).mean() == pytest.approx(candidate.own.mean + live.mean())
    assert not candidate.verdict.synthetic
    assert set(candidate.verdict.losses) == {"k1"}
    routes = candidate.router.route(questions.vectors)
    assert sum(route.get("e1", 0) > 0.5 for route in routes) > 0.9 * len(routes)
    home = candidate.router.route(ground.others["k1"].vectors)
    assert sum(route.get(FROZEN, 0) > 0.5 for route in home) > 0.9 * len(home)
    assert candidate.training is not None
    assert candidate.training.queries > 0.8 * len(questions.teaching.answers)
    assert len(ground.training_seconds) == crossfit.FOLDS


def test_only_the_candidate_stays_in_the_encoder(ground: Trial) -> None:
    encoder = ground.live.encoder
    frozen = encoder.encode_queries(WORDS)
    ground.new("k2", about(encoder, "law"), "e1")
    assert set(encoder.adapted.peft_config) == {"e1"}
    assert np.array_equal(encoder.encode_queries(WORDS), frozen)


def test_with_plenty_of_judging_queries_one_expert_is_taught(
    ground: Trial, record: Record, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(crossfit, "PLENTY", 10)
    questions = about(ground.live.encoder, "law", wordings=3)
    candidate = ground.new("k2", questions, "e1")
    assert len(record.taught) == 1
    assert candidate.verdict.queries == len(questions.judging.answers)
    assert all(not taught & judged for taught, judged in record.events)


def test_made_queries_teach_by_spans_and_judge_by_key_terms(ground: Trial, record: Record) -> None:
    encoder = ground.live.encoder
    keys = [("law", str(number)) for number in range(DOCUMENTS)]
    spans = [Pair(question(k, int(n)), (k, n), SPAN) for k, n in keys if not judges((k, n))]
    terms = [Pair(" ".join(topics(k, int(n))), (k, n), TERMS) for k, n in keys]
    questions = asked(encoder, [*spans, *terms])
    candidate = ground.new("k2", questions, "e1")
    assert candidate.verdict.synthetic
    assert candidate.verdict.queries == len({pair.query for pair in terms})
    assert set.union(*record.taught) == {pair.key for pair in spans}
    assert all(not taught & judged for taught, judged in record.events)


def perturbed(encoder: Encoder, name: str) -> LoraExpert:
    expert = LoraExpert.new(encoder, name, seed=2)
    generator = torch.Generator().manual_seed(2)
    weights = expert.state().items()
    expert.restore({n: torch.randn(w.shape, generator=generator) / 6 for n, w in weights})
    return expert


def test_a_revision_starts_from_its_parent_which_stays_as_it_is(
    ground: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(LoraExpert, "learning_rate", 0.0)
    parent = perturbed(ground.live.encoder, "e1")
    before = parent.state()
    revision = ground.new("k2", about(ground.live.encoder, "law"), "e1-2", parent).expert
    assert all(torch.equal(weight, before[name]) for name, weight in parent.state().items())
    assert all(torch.allclose(weight, before[name]) for name, weight in revision.state().items())
    assert set(ground.live.encoder.adapted.peft_config) == {"e1", "e1-2"}


def test_a_revision_is_not_judged_by_what_taught_its_parent(ground: Trial, record: Record) -> None:
    law = about(ground.live.encoder, "law")
    spent = frozenset(pair.key for pair in law.teaching.pairs[:60])
    replace(ground, spent=spent).new("k2", law, "e1-2", perturbed(ground.live.encoder, "e1"))
    judged = set[Key]().union(*(judges for _, judges in record.events))
    assert spent
    assert not judged & spent
    assert {key for key in judged if key[0] == "law"} == {pair.key for pair in law.pairs} - spent


def test_an_existing_expert_is_judged_by_the_same_queries_as_a_new_one(
    ground: Trial, record: Record
) -> None:
    encoder = ground.live.encoder
    there = perturbed(encoder, "e1")
    live = Retriever(encoder, {"e1": there}, ground.live.router, ground.live.index)
    ground = replace(ground, live=live)
    questions = about(encoder, "law")
    existing = ground.existing("k2", questions, there)
    new = ground.new("k2", questions, "e2")
    assert len(existing.own) == len(new.own) == len(questions.answers)
    assert [one.query for one in existing.heard] == [one.query for one in new.heard]
    assert existing.training is None
    assert existing.router.experts == {"k2": "e1"}
    routes = existing.router.route(questions.vectors)
    assert sum(route.get("e1", 0) > 0.5 for route in routes) > 0.9 * len(routes)


def test_other_kinds_are_asked_about_an_existing_expert_only_where_it_helps(
    ground: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    patience.of(monkeypatch, 6)
    questions = about(ground.live.encoder, "law", wordings=2)
    able, idle = ground.new("k2", questions, "e1").expert, ground.fresh("e2")
    live = Retriever(
        ground.live.encoder, {"e1": able, "e2": idle}, ground.live.router, ground.live.index
    )
    ground = replace(ground, live=live)
    helps, fails = (ground.existing("k2", questions, expert) for expert in (able, idle))
    assert helps.verdict.accepted
    assert set(helps.verdict.losses) == {"k1"}
    assert not fails.verdict.accepted
    assert "not certain" in fails.verdict.reason
    assert not fails.verdict.losses


def test_a_kind_that_nobody_can_be_taught_is_refused(ground: Trial) -> None:
    """Documents too short to make a query from, or queries about the judging tenth alone."""
    encoder = ground.live.encoder
    judging = asked(encoder, [pair for pair in about(encoder, "law").pairs if judges(pair.key)])
    for questions in (Questions.none(encoder.dimension), judging):
        candidate = ground.new("k2", questions, "e1")
        assert not candidate.verdict.accepted
        assert "too few" in candidate.verdict.reason
        candidate.expert.detach()


def candidate_of(ground: Trial, own: list[float]) -> Candidate:
    gains = Gains.alone(np.array(own))
    verdict = trial.judge(gains, {}, synthetic=False)
    expert = LoraExpert(ground.live.encoder, "e0")
    return Candidate(expert, Router(), gains, verdict, None)


def test_the_costlier_candidate_must_surely_gain_more(ground: Trial) -> None:
    base = [0.0, 0.2] * 20
    simple = candidate_of(ground, base)
    assert ground.beats(candidate_of(ground, [value + 0.05 for value in base]), simple)
    assert not ground.beats(simple, simple)
    uncertain = [value + (0.5 if n % 2 else -0.45) for n, value in enumerate(base)]
    assert not ground.beats(candidate_of(ground, uncertain), simple)
    assert ground.beats(candidate_of(ground, [0.9] * 30), simple)
    assert not ground.beats(candidate_of(ground, [0.1] * 30), simple)


def test_the_seed_alone_decides_a_trial(ground: Trial, tmp_path: Path) -> None:
    questions = about(ground.live.encoder, "law")
    owns, files = [], []
    for name in ("once", "twice"):
        candidate = ground.new("k2", questions, "e1")
        (tmp_path / name).mkdir()
        candidate.expert.save(tmp_path / name)
        candidate.expert.detach()
        owns.append(candidate.own.values.tolist())
        files.append({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()})
    assert owns[0] == owns[1]
    assert files[0] == files[1]
