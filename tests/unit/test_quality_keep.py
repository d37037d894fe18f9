"""Rows of a new run beside those that are kept: nothing is mixed, nothing forgets who made it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from made_up import made_up, made_up_folder

from bench.quality import keep
from bench.quality.keep import kept_with
from bench.quality.results import PAGE, Aim, Results, aims_of, read, with_aims
from nightshift.errors import UsageError


def measured_on(results: Results, processor: str, state: str) -> Results:
    systems = {row: {**system, "code": [state]} for row, system in results.systems.items()}
    more = {"share": 1.0, "code": [state], "machine": {"processor": processor}}
    return replace(results, page={**results.page, **more, "systems": systems})


@pytest.fixture
def kept() -> Results:
    return measured_on(made_up("one-lora"), "old", "aaa")


def lowered(results: Results) -> Results:
    """The same with every score a tenth lower."""
    column = results.scores.schema.get_field_index("ndcg")
    scores = [score - 0.1 for score in results.scores["ndcg"].to_pylist()]
    return replace(results, scores=results.scores.set_column(column, "ndcg", [scores]))


def test_a_row_measured_again_takes_its_place_and_new_ones_stand_beside(kept: Results) -> None:
    run = measured_on(lowered(made_up("ours", "ours-dense", "joint-full-ft")), "new", "bbb")
    both = kept_with(kept, run)
    assert set(both.systems) == set(kept.systems) | {"one-lora"}
    for row, processor, state in (("frozen", "new", "bbb"), ("ours", "old", "aaa")):
        assert both.processor(row) == processor
        assert both.systems[row]["code"] == [state]
    assert both.page["code"] == ["aaa", "bbb"]
    found = {
        row: {s["ndcg"] for s in both.scores.to_pylist() if s["system"] == row}
        for row in ("frozen", "ours")
    }
    assert found["frozen"] == {s["ndcg"] for s in run.scores.to_pylist() if s["system"] == "frozen"}
    assert found["ours"] == {s["ndcg"] for s in kept.scores.to_pylist() if s["system"] == "ours"}


def test_fewer_seeds_take_no_place(kept: Results) -> None:
    run = measured_on(made_up(), "new", "bbb")
    run.page["systems"]["ours"]["seeds"] = [0]
    with pytest.raises(UsageError, match="ours has 2 seeds"):
        kept_with(kept, run)


def test_another_encoder_is_refused(kept: Results) -> None:
    run = measured_on(made_up(), "new", "bbb")
    for system in run.page["systems"].values():
        system["encoder_parameters"] = 2000
    with pytest.raises(UsageError, match="differ in their encoder"):
        kept_with(kept, run)


def test_the_kept_rows_learn_what_their_queries_are_about(kept: Results) -> None:
    """A run knows; what was kept before anybody asked does not."""
    run = measured_on(made_up("ours", "ours-dense"), "new", "bbb")
    aims = {
        query: Aim(f"document {int(query[1:]) // 4}", query == "q7")
        for query in run.scores["query"].to_pylist()
    }
    both = kept_with(kept, replace(run, scores=with_aims(run.scores, aims)))
    assert aims_of(both.scores) == aims


def test_a_row_goes_on_naming_the_floor_that_stood_beside_it(kept: Results) -> None:
    run = measured_on(lowered(made_up("ours", "ours-dense")), "new", "bbb")
    for row in run.page["systems"].values():
        cells = row["P"][run.last].values()
        for cell in cells:
            cell["nDCG@10"] = [score - 0.1 for score in cell["nDCG@10"]]
    both = kept_with(kept, run)
    assert both.systems["ours"]["floor"] == pytest.approx(0.37)
    assert both.systems["one-lora"]["floor"] == pytest.approx(0.27)
    assert kept_with(both, run).systems["ours"]["floor"] == pytest.approx(0.37)


def test_a_row_that_has_not_come_to_the_last_night_is_left_out(kept: Results) -> None:
    run = measured_on(made_up(), "new", "bbb")
    del run.page["systems"]["one-lora"]["P"][run.last]
    both = kept_with(kept, run)
    assert "one-lora" not in both.systems
    assert "one-lora" not in set(both.scores["system"].to_pylist())


@pytest.mark.parametrize("name", ["share", "nights", "domains", "stream"])
def test_other_nights_are_refused(kept: Results, name: str) -> None:
    run = replace(kept, page={**kept.page, name: "other"})
    with pytest.raises(UsageError, match=f"differ in {name}"):
        kept_with(kept, run)


def test_the_command_writes_what_can_be_read_again(
    kept: Results, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name, results in (("kept", kept), ("run", measured_on(made_up(), "new", "bbb"))):
        made_up_folder(tmp_path / name, *({"one-lora"} if name == "kept" else ()))
        (tmp_path / name / PAGE).write_text(json.dumps(results.page), "utf-8")
    assert keep.main([str(tmp_path / "run"), str(tmp_path / "kept")]) == 0
    assert "one-lora" in capsys.readouterr().out.split()
    assert read(tmp_path / "kept").processor("one-lora") == "new"
    assert keep.main([str(tmp_path / "run"), str(tmp_path / "nowhere")]) != 0
