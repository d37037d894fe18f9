"""The docs say what the kept results say, and nothing where no run has been kept."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from made_up import made_up_folder

from bench.quality.report.docs import (
    CLOSING,
    NO_RESULT,
    OPENING,
    README,
    RESULTS,
    kept,
    matches,
    write_docs,
)
from bench.quality.results import PAGE
from nightshift.errors import NightshiftError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "docs").mkdir()
    (tmp_path / README).write_text(f"before\n{OPENING}\n{CLOSING}\nafter\n", "utf-8")
    return tmp_path


def test_the_committed_docs_agree_with_the_committed_results() -> None:
    assert matches(kept()), "python -m bench.quality.report DIR --docs"


def test_the_docs_agree_once_they_are_written(root: Path) -> None:
    made_up_folder(root / "run")
    assert not matches(root / "run", root)
    write_docs(root / "run", root)
    assert matches(root / "run", root)
    readme = (root / README).read_text("utf-8")
    assert readme.startswith("before\n")
    assert readme.endswith("after\n")
    assert "| ours | 50.5 | 50.5 | +13.5 (+13.5 to +13.5) | +1.0 (+1.0 to +1.0) | 1.5 % |" in readme


@pytest.mark.parametrize("page", [README, RESULTS])
def test_a_figure_changed_by_hand_is_noticed(root: Path, page: Path) -> None:
    made_up_folder(root / "run")
    write_docs(root / "run", root)
    changed = (root / page).read_text("utf-8").replace("50.5", "55.0")
    (root / page).write_text(changed, "utf-8")
    assert not matches(root / "run", root)


def test_other_results_are_noticed(root: Path) -> None:
    made_up_folder(root / "run")
    write_docs(root / "run", root)
    page = json.loads((root / "run" / PAGE).read_text("utf-8"))
    page["systems"]["ours"]["expert_parameters"] = [20, 20]
    (root / "run" / PAGE).write_text(json.dumps(page), "utf-8")
    assert not matches(root / "run", root)


def test_without_a_run_the_docs_say_that_there_is_no_figure(root: Path) -> None:
    assert kept(root) is None
    write_docs(None, root)
    assert matches(None, root)
    for page in (README, RESULTS):
        text = (root / page).read_text("utf-8")
        assert NO_RESULT in text
        assert "%" not in text


def test_the_standard_profile_is_the_one_that_the_docs_show(root: Path) -> None:
    for profile in ("small", "standard"):
        made_up_folder(root / "bench" / "results" / "quality" / profile)
    found = kept(root)
    assert found
    assert found.name == "standard"


def test_a_readme_without_a_place_for_the_table_is_refused(root: Path) -> None:
    made_up_folder(root / "run")
    (root / README).write_text("nothing here", "utf-8")
    with pytest.raises(NightshiftError, match="no place for the table"):
        write_docs(root / "run", root)
