import gzip
import json
import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import packed, readers
from pipeline.files import File, Refused
from pipeline.readers import Quarantined, Record, read_lines, read_objects


def outcomes(data: bytes, name: str = "corpus.jsonl") -> list[Record | Quarantined]:
    return list(read_objects(File.holding(name, data)))


def reason(data: bytes) -> str:
    [outcome] = outcomes(data)
    assert isinstance(outcome, Quarantined)
    assert outcome.where == "corpus.jsonl:1"
    return outcome.reason


@pytest.mark.parametrize(
    ("line", "why"),
    [
        (b"moon\n", "not valid JSON: Expecting value at character 1"),
        (b'{"_id": "1",}\n', "not valid JSON"),
        (b'{"_id": "1", "text": "the mo', "the last line is cut off"),
        (b'{"_id": "1", "text": nothing}', "not valid JSON"),
        (b'{"_id": "caf\xe9"}\n', "not valid UTF-8 at byte 13"),
        (b"[1, 2]\n", "not a JSON object"),
        (b'"text"\n', "not a JSON object"),
        (b'{"metadata": {"score": NaN}}\n', "NaN is not a finite number"),
        (b'{"metadata": {"score": -Infinity}}\n', "-Infinity is not a finite number"),
        (b'{"metadata": {"score": 1e999}}\n', "1e999 is not a finite number"),
        (b'{"_id": ' + b"7" * 5000 + b"}\n", "a number with too many digits"),
        (b'{"metadata": ' + b'{"a":' * 100_000 + b"\n", "nested too deeply"),
        (b"[" * 100_000, "nested too deeply"),
        ("{}".encode("utf-16"), "not valid UTF-8"),
        (b'{"metadata": {"a": [' + b"{}," * 200_000 + b"{}]}}", "more than 200,000 values"),
        (b'{"metadata": [' + b'"","\\"",' * 110_000 + b'""]}', "more than 200,000 values"),
        (b'{"a": "' + b'\\",' * 300_000, "the last line is cut off"),
    ],
)
def test_a_bad_line_is_quarantined_with_its_reason(line, why):
    assert why in reason(line)


def test_values_without_number_are_refused_before_they_are_made():
    line = b'{"metadata": {"a": [' + b"{}," * 500_000 + b"{}]}}"
    tracemalloc.start()
    try:
        assert reason(line) == "more than 200,000 values"
        assert tracemalloc.get_traced_memory()[1] < 5 * len(line)
    finally:
        tracemalloc.stop()


def test_what_a_text_says_is_one_value_however_it_is_written():
    text = '[{,"\\' * 70_000
    for line in (json.dumps({"text": text}), json.dumps({"text": text, "more": [1] * 190_000})):
        [record] = outcomes(line.encode())
        assert record.fields["text"] == text


def test_bad_lines_do_not_stop_the_good_ones():
    found = outcomes(b'{"_id": 1}\nmoon\n\n \xff\n{"_id": 2}\r\n')
    assert [entry.where for entry in found] == [f"corpus.jsonl:{n}" for n in (1, 2, 4, 5)]
    assert [entry.fields for entry in found if isinstance(entry, Record)] == [
        {"_id": 1},
        {"_id": 2},
    ]


def test_a_byte_order_mark_is_no_part_of_the_first_line():
    assert outcomes(b'\xef\xbb\xbf{"_id": 1}') == [Record("corpus.jsonl:1", {"_id": 1})]


def test_only_a_line_feed_ends_a_line():
    text = "a\u2028b\u0085c\x0bd"
    data = json.dumps({"text": text}, ensure_ascii=False).encode()
    assert outcomes(data) == [Record("corpus.jsonl:1", {"text": text})]


def test_a_truncated_gz_gives_the_lines_before_the_cut():
    lines = b"".join(b'{"_id": "%d", "text": "%s"}\n' % (n, b"tide" * n) for n in range(4000))
    whole = gzip.compress(lines)
    *records, last = outcomes(whole[: len(whole) // 2], "corpus.jsonl.gz")
    assert len(records) > 10
    assert all(isinstance(record, Record) for record in records)
    assert last == Quarantined(
        f"corpus.jsonl.gz:{len(records) + 1}", "the compressed file is cut off here"
    )


def test_a_damaged_gz_gives_the_lines_before_the_damage():
    packed = bytearray(gzip.compress(b'{"_id": 1}\n' * 3))
    packed[-5] ^= 1
    *_, last = outcomes(bytes(packed), "corpus.jsonl.gz")
    assert last.reason == "the compressed file is damaged here"
    assert outcomes(b'{"_id": 1}', "a.jsonl.gz") == [
        Quarantined("a.jsonl.gz:1", "the compressed file is damaged here")
    ]


def test_a_gz_bomb_is_not_unpacked_to_its_end(monkeypatch):
    monkeypatch.setattr(packed, "EXPANSION_ALLOWANCE", 1000)
    bomb = gzip.compress(b'{"_id": 1}\n' + b"\n" * 2_000_000)
    record, last = outcomes(bomb, "corpus.jsonl.gz")
    assert record.fields == {"_id": 1}
    assert last.reason == "unpacks to more than 200 times its size"


def test_a_gz_bomb_of_one_line_is_not_unpacked_to_its_end(monkeypatch):
    monkeypatch.setattr(packed, "EXPANSION_ALLOWANCE", 1000)
    monkeypatch.setattr(readers, "LINE_LIMIT", 1000)
    [last] = outcomes(gzip.compress(b" " * 10_000_000), "corpus.jsonl.gz")
    assert last.reason == "unpacks to more than 200 times its size"


@pytest.mark.parametrize("excess", [-1, 0, 1, 100, 10_000])
def test_an_overlong_line_is_skipped_and_counted_as_one(monkeypatch, excess):
    monkeypatch.setattr(readers, "LINE_LIMIT", 1000)
    long = b"x" * (999 + excess) + b"\n"
    first, second = read_lines(File.holding("a.jsonl", long + b"{}\n"))
    assert isinstance(first, Quarantined) == (excess > 0)
    assert (second.where, second.text) == ("a.jsonl:2", "{}")


@pytest.mark.parametrize("field", ["_id", "id", "doc_id", "docno"])
def test_ids_go_by_several_names(field):
    assert readers.identifier({field: "7"}) == "7"


@pytest.mark.parametrize(
    "name",
    ["../../x", "/etc/passwd", "a\x00b", "CON", "line\nbreak", "\u202e", "x" * 1024, "=cmd()"],
)
def test_an_id_may_be_any_string(name):
    assert readers.identifier({"_id": name}) == name


@pytest.mark.parametrize(
    ("value", "why"),
    [
        (None, "the id is missing"),
        ("", "the id is empty"),
        (" \n", "the id is empty"),
        (True, "neither text nor a number"),
        (["1"], "neither text nor a number"),
        ("x" * 1025, "longer than 1024 characters"),
        ("\ud800", "not valid Unicode"),
    ],
)
def test_some_things_cannot_be_an_id(value, why):
    with pytest.raises(Refused, match=why):
        readers.identifier({"_id": value})


@given(st.binary(max_size=300), st.sampled_from(["corpus.jsonl", "corpus.jsonl.gz"]))
def test_reading_survives_any_bytes(data, name):
    outcomes(data, name)


@given(st.binary(max_size=60), st.integers(0, 200))
def test_reading_survives_any_damage_to_a_gz(noise, start):
    packed = bytearray(gzip.compress(b'{"_id": "1", "text": "tide"}\n' * 20))
    packed[start : start + len(noise)] = noise
    outcomes(bytes(packed), "corpus.jsonl.gz")
