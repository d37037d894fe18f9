"""What a corpus file may hold, and what becomes of the rest."""

import json

import pyarrow
import pytest

from pipeline import corpus
from pipeline.corpus import Corpus, read_records_into
from pipeline.files import File
from pipeline.readers import Quarantined


def read(*lines: object) -> Corpus:
    text = "\n".join(line if isinstance(line, str) else json.dumps(line) for line in lines)
    found = Corpus("default")
    data = text.encode("utf-8", "surrogatepass")
    read_records_into(found, File.holding("corpus.jsonl", data))
    return found


def ids(found: Corpus) -> list[str]:
    return [document.id for document in found.documents]


def doc(name: object = "1", text: object = "Low tide", **fields: object) -> dict[str, object]:
    return {"_id": name, "text": text, **fields}


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ({"text": "no id"}, "the id is missing"),
        (doc("x" * 4096), "the id is longer than 1024 characters"),
        ({"_id": "1"}, "the text is missing"),
        (doc(text=None), "the text is missing"),
        (doc(text=["Low tide"]), "the text is not a string"),
        (doc(text=7), "the text is not a string"),
        (doc(text=""), "title and text are both empty"),
        (doc(text=" \n\u00a0", title="\t"), "title and text are both empty"),
        (doc(title=7), "the title is not a string"),
        (doc(metadata=["a"]), "the metadata are not an object"),
        (doc(_deleted="yes"), "_deleted is neither true nor false"),
        ('{"_id": "1", "text": "half \\ud800"}', "not valid Unicode"),
        ('{"_id": "1", "text": "a", "title": "half \\udfff"}', "not valid Unicode"),
        ('{"_id": "1", "text": "a", "metadata": {"half": "\\udfff"}}', "not valid Unicode"),
        ('{"_id": "1", "text": "a", "metadata": {"n": NaN}}', "NaN is not a finite number"),
        ('{"_id": "1", "text": "a", "metadata": ' + "[" * 9000 + "]" * 9000 + "}", "nested"),
    ],
)
def test_a_bad_document_is_quarantined_and_the_next_one_is_taken(line, why):
    found = read(line, doc("next"))
    assert ids(found) == ["next"]
    [entry] = found.quarantined
    assert entry.where == "corpus.jsonl:1"
    assert why in entry.reason


@pytest.mark.parametrize(
    "line",
    [doc(title="T", text=""), doc(title=None), doc(metadata=None), doc(_deleted=False), doc(7)],
)
def test_what_may_be_left_out(line):
    found = read(line)
    assert len(found.documents) == 1
    assert found.quarantined == []


@pytest.mark.parametrize(("length", "taken"), [(10_000_000, True), (10_000_001, False)])
def test_a_document_has_at_most_ten_million_characters(length, taken):
    found = read(doc(text="x" * length))
    assert (len(found.documents) == 1) == taken
    assert taken or found.quarantined[0].reason == "longer than 10,000,000 characters"


def test_the_title_counts_towards_the_limit(monkeypatch):
    monkeypatch.setattr(corpus, "TEXT_LIMIT", 10)
    assert ids(read(doc(text="12345", title="123456"))) == []


@pytest.mark.parametrize(
    ("second", "why"),
    [
        (doc(), "the id appears again with the same text"),
        (doc(text="High tide"), "the id appears again with another text"),
        (doc(title="Sea"), "the id appears again with another text"),
        (doc(metadata={"a": 1}), "the id appears again with other metadata"),
        ({"_id": "1", "_deleted": True}, "the id appears again, now as a deletion"),
    ],
)
def test_an_id_counts_where_it_is_first_written(second, why):
    found = read(doc(), second, doc("2"))
    assert [d.text for d in found.documents] == ["Low tide", "Low tide"]
    assert found.deleted == {}
    assert found.quarantined == [Quarantined("corpus.jsonl:2", why)]


def test_a_deletion_needs_only_an_id_and_counts_where_it_is_first_written():
    gone = {"_id": 1, "_deleted": True}
    found = read(gone, gone, doc("1"))
    assert list(found.deleted.values()) == [("default", "1")]
    assert ids(found) == []
    assert [entry.reason for entry in found.quarantined] == [
        "the deletion appears again",
        "the id appears again after its deletion",
    ]


def test_ids_are_compared_as_they_are_written():
    names = ["\u00e9", "e\u0301", "A", "a", "\uff21", "a ", "1", "01"]
    assert ids(read(*[doc(name) for name in names])) == names


def test_equal_metadata_are_equal_strings():
    one = read(doc(metadata={"a": "é", "b": {"y": 1, "x": 2}}))
    two = read('{"metadata":{"b":{"x":2,"y":1},"a":"\\u00e9"},"_id":"1","text":"Low tide"}')
    assert list(one.documents) == list(two.documents)
    assert one.documents[0].metadata == '{"a":"é","b":{"x":2,"y":1}}'


@pytest.mark.parametrize(
    "text",
    ["nul \x00 byte", "\x1b[31mred", "<script>{{7*7}}", "\U0001f600", "\ufeff", "a\r\nb", "\ufffe"],
)
def test_a_text_is_kept_as_written_and_can_be_stored(text):
    kept = read(doc(text=text, title=text)).documents[0].text
    assert kept == text
    assert pyarrow.array([kept]).to_pylist() == [text]
