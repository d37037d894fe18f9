"""The demo's texts: real, the same every time, split by document, questions not given away."""

from __future__ import annotations

from pathlib import Path

import pytest

from nightshift.demo.broken import broken
from nightshift.demo.corpora import FIRST, Corpus, corpora
from nightshift.demo.delivery import split_of, write_batch
from nightshift.demo.licences import licences
from nightshift.demo.modules import headers, standard_library
from pipeline.batch import read_batch
from pipeline.garbage import garbage
from pipeline.judged import read_judged

LEAST = {"night-1": 150, "night-2": 200, "night-3": 80, "night-4": 30, "night-5": 100}


@pytest.fixture(scope="module")
def arriving() -> list[Corpus]:
    return list(corpora())


@pytest.fixture(scope="module")
def nights(arriving: list[Corpus], tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("nights")
    for corpus in arriving:
        write_batch(root / corpus.folder, corpus.source, corpus.texts)
    return root


def test_there_is_enough_of_each_kind(arriving: list[Corpus]) -> None:
    sizes = {corpus.folder: len(corpus.texts) for corpus in arriving}
    assert sizes["first"] == FIRST
    assert all(sizes[folder] >= least for folder, least in LEAST.items()), sizes


def test_the_same_texts_arrive_every_time(arriving: list[Corpus]) -> None:
    assert list(corpora()) == arriving


def test_no_text_and_no_question_arrives_twice(arriving: list[Corpus]) -> None:
    for source in {corpus.source for corpus in arriving}:
        texts = [text for corpus in arriving if corpus.source == source for text in corpus.texts]
        questions = [text.question for text in texts if text.question]
        assert len({text.id for text in texts}) == len(texts)
        assert len({text.text for text in texts}) == len(texts)
        assert len(set(questions)) == len(questions)


def test_a_question_is_not_in_its_text(arriving: list[Corpus]) -> None:
    asked = [text for corpus in arriving for text in corpus.texts if text.question]
    assert all(str(text.question).casefold() not in text.text.casefold() for text in asked)


def test_texts_stand_in_the_files_they_are_named_after() -> None:
    header = headers("pyarrow")[0]
    assert header.path.read_text("utf-8")
    assert {"json.decoder", "shutil"} <= {module.name for module in standard_library()}
    assert any("WARRANT" in text.text.upper() for text in licences())


def test_only_the_broken_export_is_garbage(arriving: list[Corpus]) -> None:
    made_up = {text.id for text in broken()}
    assert all(garbage(text.text) for text in broken())
    for corpus in arriving:
        refused = {text.id for text in corpus.texts if garbage(text.text)}
        assert refused == (made_up if corpus.folder == "night-1" else set()), corpus.folder


def test_every_night_is_a_batch_without_a_bad_line(arriving: list[Corpus], nights: Path) -> None:
    for corpus in arriving:
        batch = read_batch(nights / corpus.folder)
        assert batch.quarantined == ()
        assert batch.source == corpus.source
        assert len(batch.documents) == len(corpus.texts)


def test_a_document_teaches_or_tests_but_never_both(arriving: list[Corpus], nights: Path) -> None:
    for corpus in arriving:
        if any(text.question for text in corpus.texts):
            taught = {pair.key for pair in read_batch(nights / corpus.folder).pairs}
            tested = {
                key for query in read_judged(nights / corpus.folder, "test") for key in query.grades
            }
            asked = {(corpus.source, text.id) for text in corpus.texts if text.question}
            assert taught.isdisjoint(tested)
            assert taught | tested == asked
            assert 0.2 < len(tested) / len(asked) < 0.45


def test_the_split_follows_from_the_name(arriving: list[Corpus]) -> None:
    text = arriving[0].texts[0]
    assert split_of(text) == split_of(type(text)(text.id, "other", "other"))
