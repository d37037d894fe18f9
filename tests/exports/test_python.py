"""The index from Python, and every example of docs/python.md."""

from __future__ import annotations

import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import worlds

import nightshift
from nightshift.errors import UsageError
from state.store import Store

PAGE = Path(__file__).parents[2].joinpath("docs", "python.md").read_text("utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
QUERIES = [worlds.query("sea", 3), worlds.query("sea", 4), worlds.query("ore", 5)]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 5


@pytest.mark.parametrize("example", EXAMPLES, ids=range(len(EXAMPLES)))
def test_an_example_runs_and_prints(
    example: str,
    store: Store,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "store").symlink_to(store.root)
    exec(compile(example, "python.md", "exec"), {})
    assert capsys.readouterr().out.strip()


def test_many_queries_are_answered_as_one_by_one(store: Store) -> None:
    with nightshift.open(store.root) as index:
        for query, answer in zip(QUERIES, index.search_many(QUERIES, k=7), strict=True):
            alone = index.search(query, k=7)
            assert [hit.id for hit in answer.hits] == [hit.id for hit in alone.hits]
            assert answer.route == pytest.approx(alone.route)
            assert [h.score for h in answer.hits] == pytest.approx([h.score for h in alone.hits])
            assert answer.hits[0].dense == alone.hits[0].dense is not None
        assert index.search_many([]) == []
        with pytest.raises(UsageError, match="empty"):
            index.search_many(["sea", " "])


def test_several_threads_get_the_answers_that_one_would(store: Store) -> None:
    """Experts attach to the one encoder: a second thread would ask through the first one's."""
    asked = [worlds.query(kind, n) for n in range(30) for kind in ("sea", "ore")]
    with nightshift.open(store.root) as index:
        alone = [(index.search(query).as_json(), index.explain(query)) for query in asked]
        assert all("e1" in answer["route"] for answer, _ in alone)
        with ThreadPoolExecutor(4) as threads:
            answers = threads.map(index.search, asked)
            reasons = threads.map(index.explain, asked)
            together = [
                (answer.as_json(), why) for answer, why in zip(answers, reasons, strict=True)
            ]
    assert together == alone


@pytest.mark.parametrize(
    ("told", "sentence"),
    [
        ({"query": " \x1c"}, "the query is empty"),
        ({"query": "sea\udcff"}, "the query is not valid Unicode: half of a surrogate pair"),
        ({"query": "sea", "instruction": "\ud800"}, "the instruction is not valid Unicode"),
        ({"query": "sea", "k": 0}, "k is at least 1, not 0"),
        ({"query": "sea", "k": -1}, "k is at least 1, not -1"),
        ({"query": "sea", "leg": "lexicall"}, "there is no leg 'lexicall'"),
        ({"query": "sea", "where": {"sources": ("a",)}}, "where is a Filter, not a dict"),
    ],
)
def test_a_question_that_makes_no_sense_is_refused(
    store: Store, told: dict[str, Any], sentence: str
) -> None:
    with nightshift.open(store.root) as index, pytest.raises(UsageError, match=sentence) as refused:
        index.search(**told)
    assert refused.value.hint


@pytest.mark.parametrize("query", [" ", "sea\udcff"])
def test_nothing_is_explained_of_what_is_no_query(store: Store, query: str) -> None:
    with nightshift.open(store.root) as index, pytest.raises(UsageError, match="the query is"):
        index.explain(query)


def test_versions_and_experts_are_told(store: Store) -> None:
    with nightshift.open(store.root, version=2) as index:
        assert [v.version for v in index.versions()] == [1, 2, 3]
        assert [v.live for v in index.versions()] == [False, False, True]
        assert index.versions()[1].kind == "night"
        assert index.experts() == []
    with nightshift.open(store.root) as index:
        first, second = index.experts()
        assert (first.name, first.method, first.born) == ("e1", "lora+head", 3)
        assert second.serves == ("ore|slag",)
        assert first.interval == (0.0, 0.1)
        nearest, other = index.explain(QUERIES[0])["kinds"]
        assert nearest["similarity"] >= other["similarity"]
        assert {nearest["expert"], other["expert"]} == {"e1", "e2"}


def test_importing_it_loads_nothing_heavy() -> None:
    code = "import sys, nightshift; nightshift.__version__; print('torch' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout.strip() == "False"


def test_no_other_name_is_there() -> None:
    assert set(nightshift.__all__) == {"Answer", "Hit", "Index", "__version__", "open"}
    assert all(getattr(nightshift, name) for name in nightshift.__all__)
    with pytest.raises(AttributeError, match="open_index"):
        nightshift.open_index  # noqa: B018
