"""A stream of nights: what arrives when, what may teach, what may be asked."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest
import streams

from bench.quality.domains import read_domains
from bench.quality.run import joined
from bench.quality.stream import REVIEWED, Night, read_stream

HALF = {"domain": "law", "part": [0.0, 0.5]}
REST = {"domain": "law", "part": [0.5, 1.0]}


@pytest.fixture
def data(tmp_path: Path) -> Path:
    for kind in ("sea", "law"):
        streams.write_domain(tmp_path / "data" / kind, kind, 40, 30)
    return tmp_path / "data"


def nights(data: Path, *planned: dict[str, Any]) -> list[Night]:
    named = [{"name": f"n{number}", **night} for number, night in enumerate(planned, 1)]
    file = streams.write_stream(data.parent / "stream.json", [{"domain": "sea"}], named)
    stream = read_stream(file)
    return list(stream.nights(read_domains(data, stream.domains, 1.0)))


def ids(night: Night) -> list[str]:
    return [line["_id"] for line in night.corpus if not line.get("_deleted")]


def asked(night: Night, domain: str, split: str = "test") -> set[str]:
    found = (one for one in night.asked if (one.domain, one.split) == (domain, split))
    return {id_ for one in found for id_ in one.ids}


def test_a_part_holds_the_documents_whose_md5_lies_in_it(data: Path) -> None:
    _, first, second = nights(data, {"add": [HALF]}, {"add": [REST]})
    every = [f"d{number}" for number in range(40)]
    early = [id_ for id_ in every if int(hashlib.md5(id_.encode()).hexdigest(), 16) % 1000 < 500]
    assert ids(first) == [f"law/{id_}" for id_ in early]
    assert set(ids(second)) == {f"law/{id_}" for id_ in every} - set(ids(first))


def test_a_query_comes_with_the_last_of_its_documents(data: Path) -> None:
    _, first, second = nights(data, {"add": [HALF]}, {"add": [REST]})
    early = {document.removeprefix("law/d") for document in ids(first)}
    test = {str(number) for number in range(30, 40)}
    assert {id_.split("-")[0].removeprefix("law/q") for id_ in asked(first, "law")} == early & test
    assert {id_.split("-")[0].removeprefix("law/q") for id_ in asked(second, "law")} == test


def test_a_query_about_two_documents_waits_for_both(data: Path) -> None:
    _, first, second = nights(data, {"add": [HALF]}, {"add": [REST]})
    early, late = ids(first)[0].split("/")[1], ids(second)[0].split("/")[1]
    with (data / "law" / "qrels" / "test.tsv").open("a") as file:
        file.write(f"q0-0\t{early}\t1\nq0-0\t{late}\t1\n")
    _, first, second = nights(data, {"add": [HALF]}, {"add": [REST]})
    assert "law/q0-0" not in asked(first, "law")
    assert "law/q0-0" in asked(second, "law")


def test_training_pairs_are_handed_over_once_and_test_queries_never(data: Path) -> None:
    lived = nights(data, {"add": [HALF]}, {"add": [REST]}, {"add": [HALF]})
    taught = [id_ for night in lived for id_, _ in night.pairs]
    assert len(taught) == len(set(taught)) > 100
    assert not lived[-1].pairs
    of_tests = {id_ for night in lived for one in night.asked for id_ in one.ids}
    assert of_tests
    assert not of_tests & set(taught)
    written = lived[0].write(data.parent / "batch")
    lines = (written / "queries.jsonl").read_text().splitlines()
    assert {json.loads(line)["_id"] for line in lines} == {id_ for id_, _ in lived[0].pairs}
    assert [file.name for file in (written / "qrels").iterdir()] == ["train.tsv"]


def test_a_joint_system_sees_every_pair_and_no_test_query(data: Path) -> None:
    lived = nights(data, {"add": [HALF]}, {"add": [REST]})
    whole = joined(lived)
    assert whole.pairs == tuple(pair for night in lived for pair in night.pairs)
    assert (whole.asked, whole.joins) == (lived[-1].asked, ("bootstrap", "n1", "n2"))
    texts = {text for one in whole.asked for text in one.texts}
    assert not texts & {query.text for _, query in whole.pairs}


def test_what_is_deleted_is_asked_about_no_more(data: Path) -> None:
    _, before, after = nights(data, {"add": [{"domain": "law"}]}, {"delete": [HALF]})
    gone = {line["_id"] for line in after.corpus}
    assert all(line["_deleted"] for line in after.corpus)
    assert gone == {id_ for id_ in ids(before) if id_ in gone} != set()
    left = {document for one in after.asked for grades in one.grades for document in grades}
    assert not left & gone
    assert asked(after, "law") < asked(before, "law")


def test_what_is_updated_says_so_and_garbage_is_like_nothing_else(data: Path) -> None:
    _, changed = nights(data, {"update": [{"domain": "sea"}], "add": [{"garbage": 8}]})
    updated = [line for line in changed.corpus if line["_id"].startswith("sea/")]
    assert len(updated) == 40
    assert all(line["text"].endswith(REVIEWED) for line in updated)
    assert sum(line["_id"].startswith("garbage/") for line in changed.corpus) == 8


def test_equal_ids_of_two_domains_are_kept_apart(data: Path) -> None:
    first, second = nights(data, {"add": [{"domain": "law"}]})
    assert not set(ids(first)) & set(ids(second))
    for one in second.asked:
        for grades in one.grades:
            assert all(document.startswith(f"{one.domain}/") for document in grades)
