"""Keyword search finds what BM25 over the live documents finds, however they came."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from unicodedata import category, normalize

import bm25s
import numpy as np
import pytest
import Stemmer
from hypothesis import given, settings
from hypothesis import strategies as st

from pipeline.documents import Document, Key, Passage
from pipeline.erasure import erase
from pipeline.index import Found
from pipeline.library import Library
from pipeline.segment import Segment, write_segment
from pipeline.words import VOCABULARY, WORDS, Words, stems_of

TOPICS = ("tides", "moons", "law", "courts", "iron", "ores", "running", "the", "Über", "数据库")
QUERIES = ["moon and tide", "court law law", "run", "the", "iron ore database", "über 数据库"]


def document(id_: str, text: str) -> Document:
    return Document("sea", id_, text.split(" ")[0], text)


def night(
    root: Path, library: Library, documents: Sequence[Document], deleted: Sequence[Key] = ()
) -> Library:
    """The library after a night that brought and deleted these."""
    segments = dict(library.segments)
    replaced = [document.key for document in documents if document.key in library.number_of]
    dead = library.without([*replaced, *deleted])
    if documents:
        folder = root / f"s{len(segments)}"
        segments[folder.name] = written(folder, documents)
    return Library(segments, dead)


def written(folder: Path, documents: Sequence[Document]) -> Segment:
    folder.mkdir()
    count = len(documents)
    cuts = [[Passage(0, len(document.text))] for document in documents]
    write_segment(folder, documents, cuts, np.ones((count, 2), "f4"), np.zeros((count, 1, 2), "f2"))
    return Segment(folder)


def directly(documents: Sequence[Document], query: str) -> dict[Key, float]:
    """What the library itself says of these documents, built at once."""
    stemmer = Stemmer.Stemmer("english")
    texts = [f"{document.title} {document.text}" for document in documents]
    told = {"stopwords": "en", "stemmer": stemmer, "show_progress": False}
    index = bm25s.BM25()
    index.index(bm25s.tokenize(texts, **told), show_progress=False)
    [asked] = bm25s.tokenize([query], return_ids=False, **told)
    known = [word for word in asked if word in index.vocab_dict]
    scores = index.get_scores(known) if known else np.zeros(len(documents))
    return {
        document.key: float(score)
        for document, score in zip(documents, scores, strict=True)
        if score > 0
    }


def found(library: Library, query: str, k: int = 100) -> dict[Key, float]:
    [hits] = library.lexical.search([query], k)
    ranked = sorted(hits, key=lambda hit: (-hit.score, hit.number))
    assert hits == ranked
    return {library.document(hit.number).key: hit.score for hit in hits}


TEXT = st.lists(st.sampled_from(TOPICS), max_size=8).map(" ".join)
NIGHTS = st.lists(
    st.tuples(
        st.dictionaries(st.integers(0, 9), TEXT, max_size=6), st.sets(st.integers(0, 9), max_size=3)
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=40)
@given(NIGHTS, st.sampled_from(QUERIES))
def test_any_nights_lead_to_what_one_index_of_the_living_says(
    nights: list[tuple[dict[int, str], set[int]]], query: str
) -> None:
    library, model = Library({}, {}), dict[Key, Document]()
    with tempfile.TemporaryDirectory() as root:
        for brought, gone in nights:
            documents = [document(str(n), text) for n, text in brought.items()]
            deleted = [("sea", str(n)) for n in gone - set(brought) if ("sea", str(n)) in model]
            library = night(Path(root), library, documents, deleted)
            model |= {one.key: one for one in documents}
            model = {key: one for key, one in model.items() if key not in deleted}
        expected = directly(list(model.values()), query) if any_word(model) else {}
        assert found(library, query) == expected


def any_word(model: dict[Key, Document]) -> bool:
    return bool(len(Words.of(model.values()).stems))


def test_the_living_alone_make_a_word_rare(tmp_path: Path) -> None:
    first = night(tmp_path, Library({}, {}), [document(str(n), "moon tide") for n in range(5)])
    grown = night(tmp_path, first, [document("x", "moon iron")])
    alone = night(tmp_path, grown, [], [("sea", str(n)) for n in range(5)])
    [before], [after] = grown.lexical.search(["moon"], 1), alone.lexical.search(["moon"], 9)
    assert [hit.number for hit in after] == [5]
    assert after[0].score > before[0].score
    assert alone.lexical.search(["tide"], 9) == [[]]


def test_equal_scores_come_in_order_of_arrival_and_only_the_best_come(tmp_path: Path) -> None:
    texts = ["moon", "iron", "moon", "moon tide", "moon", "moon"]
    (tmp_path / "many").mkdir()
    library = night(tmp_path, Library({}, {}), [document(str(n), t) for n, t in enumerate(texts)])
    [hits] = library.lexical.search(["moons"], 3)
    assert [hit.number for hit in hits] == [0, 2, 4]
    [more] = library.lexical.search(["moons"], 9)
    assert [hit.number for hit in more] == [0, 2, 4, 5, 3]
    assert more[:3] == hits
    many = [document(str(n), ("moon", "moon iron", "iron")[n % 3]) for n in range(99)]
    [most] = night(tmp_path / "many", Library({}, {}), many).lexical.search(["moon iron"], 70)
    assert len({hit.score for hit in most}) > 1
    assert most == sorted(most, key=lambda hit: (-hit.score, hit.number))
    assert library.lexical.search(["moons"], 0) == [[]]
    assert all(isinstance(hit, Found) and hit.passage == 0 for hit in more)


@pytest.mark.parametrize(
    "query", ["", " \n", "the of and", "!?", "x", "\ud800", "nowhere", "\0", "月", "a" * 5000]
)
def test_a_query_may_be_anything(tmp_path: Path, query: str) -> None:
    library = night(tmp_path, Library({}, {}), [document("1", "moon"), document("2", "")])
    assert library.lexical.search([query], 5) == [[]]
    assert [hit.number for hit in library.lexical.search([f"{query} moon"], 5)[0]] == [0]


def test_texts_may_be_anything(tmp_path: Path) -> None:
    assert Library({}, {}).lexical.search(["moon"], 5) == [[]]
    empty = night(tmp_path, Library({}, {}), [document("1", ""), document("2", "the of !?")])
    assert empty.lexical.search(["moon", "the", ""], 5) == [[], [], []]
    odd = [document("3", "北京大学 naïve İstanbul"), document("4", "a\0b moon\u2028tides")]
    library = night(tmp_path, empty, odd)
    hits = library.lexical.search(["北京大学", "TIDE", "naïve"], 5)
    assert [[hit.number for hit in line] for line in hits] == [[2], [3], [2]]
    assert Words.of([document("5", "moon \ud800 tide")]).vocabulary == ("moon", "tide")


def test_a_letter_is_the_same_however_it_is_encoded(tmp_path: Path) -> None:
    """macOS names files by letters and marks apart, and some PDFs hold their text so."""
    apart = normalize("NFD", "Überfälle über Höhen")
    library = night(tmp_path, Library({}, {}), [document("1", apart), document("2", "moons")])
    for query in ("überfälle", normalize("NFD", "Höhen"), "ÜBER"):
        assert list(found(library, query)) == [("sea", "1")]
    (tmp_path / "composed").mkdir()
    composed = night(
        tmp_path / "composed", Library({}, {}), [document("1", normalize("NFC", apart))]
    )
    assert list(found(composed, normalize("NFD", "überfälle"))) == [("sea", "1")]


@pytest.mark.parametrize("text", ["हिन्दी में खोज", "İstanbul", "ภาษาไทยที่นี่", "שָׁלוֹם"])
def test_a_mark_does_not_cut_a_word(tmp_path: Path, text: str) -> None:
    library = night(tmp_path, Library({}, {}), [document("1", text), document("2", "moons")])
    assert stems_of([text]) == [
        [word.replace("İ", "i") for word in normalize("NFC", text).split(" ")]
    ]
    assert list(found(library, text)) == [("sea", "1")]


WITHOUT_MARKS = (
    st.text(st.characters(exclude_characters="İ"))
    .map(lambda text: normalize("NFC", text))
    .filter(lambda text: not any(category(letter) in {"Mn", "Mc"} for letter in text))
)


@given(WITHOUT_MARKS)
def test_a_text_without_marks_has_the_words_it_always_had(text: str) -> None:
    [before] = bm25s.tokenize(
        [text],
        stopwords="en",
        stemmer=Stemmer.Stemmer("english"),
        return_ids=False,
        allow_empty=False,
        show_progress=False,
    )
    assert stems_of([text]) == [[word for word in before if word]]


def test_a_segment_of_an_older_nightshift_is_read_for_its_words(tmp_path: Path) -> None:
    documents = [document("1", "moon tides"), document("2", "iron")]
    new = written(tmp_path / "new", documents)
    words = new.words()
    for name in (WORDS, VOCABULARY):
        (new.folder / name).unlink()
    old = Segment(new.folder).words()
    assert old.vocabulary == words.vocabulary == ("moon", "tide", "iron")
    assert np.array_equal(old.stems, words.stems)
    assert np.array_equal(old.first, words.first)


def test_a_written_segment_is_not_read_for_its_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    library = night(tmp_path, Library({}, {}), [document("1", "moon tides")])
    monkeypatch.setattr(Segment, "documents", property(lambda _: pytest.fail("it read the texts")))
    assert len(library.lexical.search(["tide"], 5)[0]) == 1


def test_the_words_of_an_erased_document_are_gone(tmp_path: Path) -> None:
    documents = [document("1", "moon tides"), document("2", "secret moon"), document("3", "iron")]
    old = written(tmp_path / "old", documents)
    (tmp_path / "new").mkdir()
    erase(old, [1], tmp_path / "new")
    left = Segment(tmp_path / "new").words()
    assert set(left.vocabulary) == {"moon", "tide", "iron"}
    assert np.diff(left.first).tolist() == [3, 0, 2]
    said = [[left.vocabulary[place] for place in left.stems[a:b]]
            for a, b in zip(left.first, left.first[1:], strict=False)]  # fmt: skip
    assert said == [["moon", "moon", "tide"], [], ["iron", "iron"]]


def test_words_are_the_same_bytes_whatever_the_hashes_of_strings(tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from pipeline.words import Words;"
        "from pipeline.documents import Document;"
        "folder = Path(sys.argv[1]); folder.mkdir();"
        "Words.of([Document('s', '1', 'Tides', 'iron moon law court run ore')]).save(folder)"
    )
    for seed in ("1", "2"):
        told = [sys.executable, "-c", code, str(tmp_path / seed)]
        subprocess.run(told, check=True, env={"PYTHONHASHSEED": seed, "PYTHONPATH": "."})
    for name in (WORDS, VOCABULARY):
        assert (tmp_path / "1" / name).read_bytes() == (tmp_path / "2" / name).read_bytes()
