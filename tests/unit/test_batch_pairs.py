"""Training pairs out of queries and judgements."""

import json

import pytest

from pipeline.batch import read_batch
from pipeline.documents import Pair
from pipeline.files import File
from pipeline.judgements import read_pairs
from pipeline.readers import Quarantined

HEADER = "query-id\tcorpus-id\tscore\n"
QUERIES = [{"_id": "q1", "text": "Why tides?"}, {"_id": 2, "text": "What is sand?"}]


def read(train: str | bytes, *queries: object) -> tuple[list[Pair], list[Quarantined]]:
    asked = "\n".join(json.dumps(query) for query in queries or QUERIES).encode()
    data = train.encode() if isinstance(train, str) else train
    return read_pairs(
        [File.holding("queries.jsonl", asked)], File.holding("qrels/train.tsv", data), "sea"
    )


def test_every_positive_judgement_is_a_pair_once():
    found = read(HEADER + "q1\tmoon\t1\nq1\tsun\t0.5\n2\tsand\t2\nq1\tmoon\t1\n")
    why, what = "Why tides?", "What is sand?"
    expected = [Pair(why, ("sea", "moon")), Pair(why, ("sea", "sun")), Pair(what, ("sea", "sand"))]
    assert found == (expected, [])


@pytest.mark.parametrize("score", ["0", "-1", "0.0"])
def test_judgements_of_no_use_are_no_pairs_and_no_faults(score):
    assert read(f"q1\tmoon\t{score}\n") == ([], [])


@pytest.mark.parametrize("text", ["q1\tmoon\t1", HEADER + "q1\tmoon\t1\r\n", "\ufeffq1\tmoon\t1\n"])
def test_the_header_and_the_line_ends_are_optional(text):
    assert read(text) == ([Pair("Why tides?", ("sea", "moon"))], [])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"q9\tmoon\t1", "the query is unknown"),
        (b"q1\t\t1", "the id is empty"),
        (b"q1 moon 1", "not three columns"),
        (b"q1\t0\tmoon\t1", "not three columns"),
        (b"q1\tmoon\tnan", "the score is not a number"),
        (b"q1\tmoon\tgood", "the score is not a number"),
        (b"q1\tm\xff\t1", "not valid UTF-8"),
    ],
)
def test_a_bad_judgement_is_quarantined_and_the_next_one_counts(line, why):
    pairs, [entry] = read(HEADER.encode() + line + b"\n2\tsand\t1\n")
    assert pairs == [Pair("What is sand?", ("sea", "sand"))]
    assert entry.where == "qrels/train.tsv:2"
    assert why in entry.reason


@pytest.mark.parametrize(
    ("query", "why"),
    [
        ({"_id": "q1", "text": "Why waves?"}, "the id appears again with another text"),
        ({"_id": "q1", "text": "Why tides?"}, "the id appears again with the same text"),
        ({"_id": "q3", "text": " "}, "the query is empty"),
        ({"_id": "q3"}, "the text is missing"),
        ({"_id": "q3", "text": 3}, "the text is not a string"),
        ({"_id": "q3", "text": "\ud800"}, "not valid Unicode: half of a surrogate pair"),
        ({"text": "Who?"}, "the id is missing"),
    ],
)
def test_a_bad_query_is_quarantined_and_the_first_counts(query, why):
    pairs, quarantined = read("q1\tmoon\t1\n", *QUERIES, query)
    assert pairs == [Pair("Why tides?", ("sea", "moon"))]
    assert quarantined == [Quarantined("queries.jsonl:3", why)]


def test_only_train_judgements_are_ever_read(tmp_path):
    (tmp_path / "qrels").mkdir()
    (tmp_path / "corpus.jsonl").write_text('{"_id": "moon", "text": "Tides."}')
    (tmp_path / "queries.jsonl").write_text("".join(json.dumps(q) + "\n" for q in QUERIES))
    for split in ("test", "test_seen", "dev"):
        (tmp_path / "qrels" / f"{split}.tsv").write_text("2\tmoon\t1\n")
    assert read_batch(tmp_path).pairs == ()
    (tmp_path / "qrels" / "train.tsv").write_text("q1\tmoon\t1\n")
    assert [pair.query for pair in read_batch(tmp_path).pairs] == ["Why tides?"]
