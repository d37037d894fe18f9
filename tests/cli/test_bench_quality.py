"""`nightshift bench quality`: every system through the same nights, stopped and gone on with."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import streams

from bench import uncorrected, untuned
from bench.quality.collect import collect
from bench.quality.domains import read_domains
from bench.quality.profiles import PUBLISHED, QUERY_SIDE, Profile, profile_of
from bench.quality.run import measure, prepare
from bench.quality.stream import Stream, read_stream
from bench.quality.systems import shipped
from bench.quality.systems.entries import ENTRIES
from bench.quality.systems.ours import Ungated
from pipeline.experts import prefix
from pipeline.gains import Gains
from pipeline.gate import Bounds, judge

NIGHTS = (
    {"name": "n1", "add": [{"domain": "law"}], "accept": [["spawn"], ["absorb"]]},
    {
        "name": "n2",
        "add": [{"domain": "ore"}, {"garbage": 8}],
        "delete": [{"domain": "law", "part": [0.0, 0.1]}],
    },
)


@pytest.fixture(scope="session")
def ground(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three domains with colliding ids, and a stream of two nights."""
    folder = tmp_path_factory.mktemp("ground")
    for kind, count, test_from in (("sea", 100, 85), ("law", 100, 85), ("ore", 40, 30)):
        streams.write_domain(folder / "data" / kind, kind, count, test_from)
    streams.write_stream(folder / "stream.json", [{"domain": "sea"}], NIGHTS)
    return folder


def lived(ground: Path, encoder: Path, out: Path, systems: str = "", stop: int = 0) -> Any:
    """Results of a run; one that is to stop is killed after so many cells, and begun again."""
    profile = profile_of("small", systems.split(",") if systems else ())
    stream = read_stream(ground / "stream.json")
    # The tiny encoder has few positions.
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(prefix, "TOKENS", 8)
        return _lived(ground, encoder, out, profile, stream, stop)


def _lived(
    ground: Path, encoder: Path, out: Path, profile: Profile, stream: Stream, stop: int
) -> Any:
    def killed(line: str) -> None:
        nonlocal stop
        stop -= 1
        if stop == 0:
            raise KeyboardInterrupt

    if stop:
        with pytest.raises(KeyboardInterrupt):
            measure(prepare(ground / "data", stream, profile, out, str(encoder)), killed)
    run = prepare(ground / "data", stream, profile, out, str(encoder))
    measure(run, lambda line: None)
    collect(run)
    return json.loads((out / "results.json").read_text("utf-8"))


@pytest.fixture(scope="session")
def small(ground: Path, encoder_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("small")
    lived(ground, encoder_folder, out)
    return out


def without_seconds(page: dict[str, Any]) -> dict[str, Any]:
    return {
        name: {k: v for k, v in told.items() if "seconds" not in k and "megabytes" not in k}
        for name, told in page["systems"].items()
    }


def test_every_system_of_the_profile_has_its_rows_beside_the_floor(small: Path) -> None:
    page = json.loads((small / "results.json").read_text("utf-8"))
    rows = {row for system in QUERY_SIDE + PUBLISHED for row in ENTRIES[system].rows}
    assert set(page["systems"]) == rows
    assert page["nights"] == ["bootstrap", "n1", "n2"]
    assert page["domains"] == ["sea", "law", "ore"]
    floor = page["systems"]["frozen"]
    for told in page["systems"].values():
        assert told["about"]
        assert set(told["P"]["n2"]) == {"sea", "law", "ore"}
        for domain, measured in told["P"]["n2"].items():
            assert set(measured) == set(floor["P"]["n2"][domain])
            assert all(0 <= value <= 1 for values in measured.values() for value in values)
    assert list(page["systems"]["joint-lora"]["P"]) == ["n2"]
    assert floor["experts"]["n2"] == floor["expert_parameters"] == [0]
    assert page["systems"]["expert-every-night"]["experts"]["n2"] == [3]
    assert page["systems"]["router-retriever"]["experts"]["n2"] == [3]
    assert page["systems"]["ours"]["accepted"]["n1"] == [True]
    assert page["systems"]["ours"]["cpu_seconds"]["train"] > 0
    assert page["systems"]["joint-lora"]["P"]["n2"] != floor["P"]["n2"]


def test_every_system_is_asked_the_same_queries(small: Path) -> None:
    scores = pq.read_table(small / "scores.parquet").to_pylist()
    last = [row for row in scores if row["night"] == "n2"]
    of_system: dict[str, set[tuple[str, str]]] = {}
    for row in last:
        of_system.setdefault(row["system"], set()).add((row["split"], row["query"]))
    assert len(set(map(frozenset, of_system.values()))) == 1


@pytest.mark.parametrize(
    "name", ["one-lora", "expert-every-night", "router-retriever", "ddr", "sb-moe", "mixlora"]
)
def test_a_stopped_run_goes_on_to_the_same_results(
    small: Path, ground: Path, encoder_folder: Path, tmp_path: Path, name: str
) -> None:
    """Stopped after the floor's three nights and two of its own."""
    page = lived(ground, encoder_folder, tmp_path, name, stop=5)
    whole = without_seconds(json.loads((small / "results.json").read_text("utf-8")))
    assert without_seconds(page) == {
        row: whole[row] for system in ("frozen", name) for row in ENTRIES[system].rows
    }


@pytest.mark.parametrize("name", ["full-ft", "full-ft-qdc"])
def test_fine_tuning_goes_on_after_a_stop(
    ground: Path, encoder_folder: Path, tmp_path: Path, name: str
) -> None:
    whole = without_seconds(lived(ground, encoder_folder, tmp_path / "whole", name))
    page = without_seconds(lived(ground, encoder_folder, tmp_path / "stopped", name, stop=5))
    assert page == whole
    assert whole[name]["P"]["n2"] != whole["frozen"]["P"]["n2"]


def test_what_the_correction_of_queries_is_worth_is_asked_after_the_last_night(
    ground: Path, encoder_folder: Path, tmp_path: Path
) -> None:
    lived_through = lived(ground, encoder_folder, tmp_path, "full-ft-qdc")["systems"]
    stream, profile = read_stream(ground / "stream.json"), profile_of("small", ["full-ft-qdc"])
    run = prepare(ground / "data", stream, profile, tmp_path, str(encoder_folder))
    domains = read_domains(ground / "data", stream.domains, 1.0)
    page = uncorrected.measured(run, domains, list(stream.nights(domains)))
    corrected = page["together"]["nDCG@10"]["corrected"]
    for domain, told in lived_through["full-ft-qdc"]["P"]["n2"].items():
        assert corrected[domain] == pytest.approx(told["nDCG@10"][0])
    assert page["together"]["nDCG@10"]["uncorrected"] != corrected
    alone = page["alone"]["nDCG@10"]["corrected"]
    assert all(alone[domain] >= score for domain, score in corrected.items())
    assert alone != corrected


def test_our_own_system_goes_on_after_a_stop_and_begins_again_without_its_store(
    small: Path, ground: Path, encoder_folder: Path, tmp_path: Path
) -> None:
    whole = without_seconds(json.loads((small / "results.json").read_text("utf-8")))
    out = tmp_path / "out"
    page = lived(ground, encoder_folder, out, "ours-no-labels", stop=5)
    assert without_seconds(page)["ours-no-labels"] == whole["ours-no-labels"]
    (out / "cells" / "ours-no-labels" / "0" / "n2.json").unlink()
    shutil.rmtree(out / "work")
    page = lived(ground, encoder_folder, out, "ours-no-labels")
    assert without_seconds(page)["ours-no-labels"] == whole["ours-no-labels"]


def test_weekly_rounds_teach_what_the_first_corpus_is_asked(
    small: Path, ground: Path, encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shipped, "WEEK", 1)
    page = lived(ground, encoder_folder, tmp_path, "ours", stop=5)["systems"]
    nights = json.loads((small / "results.json").read_text("utf-8"))["systems"]["ours-nights"]
    assert [count - 1 for count in page["ours"]["experts"]["n1"]] == nights["experts"]["n1"]
    assert page["ours"]["cpu_seconds"]["train"] > page["frozen"]["cpu_seconds"]["train"]
    assert page["ours"]["P"]["n2"] != page["ours-dense"]["P"]["n2"]


def test_domains_to_come_are_asked_of_whoever_was_not_tuned_on_them(
    ground: Path, encoder_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stopped when both have lived through n1, and full fine-tuning is there still."""
    monkeypatch.setattr(prefix, "TOKENS", 8)
    stream, profile = read_stream(ground / "stream.json"), profile_of("small", ["ddr", "full-ft"])
    run = prepare(ground / "data", stream, profile, tmp_path, str(encoder_folder))
    said: list[str] = []

    def killed(line: str) -> None:
        said.append(line)
        if "full-ft seed 0 n1" in line:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        measure(run, killed)
    domains = read_domains(ground / "data", stream.domains, 1.0)
    nights = list(stream.nights(domains))
    page = untuned.measured(run, domains, nights, "n1", run.shared.folder("full-ft", 0))
    found = {name: told["ore"] for name, told in page["nDCG@10"].items()}
    assert list(found) == ["frozen", "ddr-topk", "full-ft"]
    assert len(set(found.values())) == 3
    apart, low, high = page["differences"]["ddr-topk - full-ft"]["ore"]
    assert apart == pytest.approx(found["ddr-topk"] - found["full-ft"])
    assert low <= apart <= high


def test_cells_that_are_there_cost_nothing(small: Path, ground: Path, encoder_folder: Path) -> None:
    stream, said = read_stream(ground / "stream.json"), list[str]()
    run = prepare(ground / "data", stream, profile_of("small"), small, str(encoder_folder))
    measure(run, said.append)
    assert not said


def test_without_a_gate_even_a_loss_goes_live() -> None:
    settings = Ungated()
    bounds = Bounds(settings.gate_margin, settings.gate_tolerance)
    worse = Gains.alone(-0.5 * (1 + (np.arange(40) % 2)))
    assert judge(worse, {"k1": worse}, synthetic=True, bounds=bounds).accepted
    assert not judge(worse, {"k1": worse}, synthetic=True).accepted


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--data", "nowhere"], "no folder of domains"),
        (["--stream", "nowhere"], "no stream at nowhere"),
        (["--systems", "ours,magic"], "there is no system 'magic'"),
        (["--profile", "huge"], "there is no profile 'huge'"),
        (["--seeds", "0"], "0 seeds measure nothing"),
    ],
)
def test_what_cannot_be_run_is_said(
    run: Any, ground: Path, tmp_path: Path, options: list[str], said: str
) -> None:
    told = {"--data": ground / "data", "--stream": ground / "stream.json", "--out": tmp_path}
    told |= dict(zip(options[::2], options[1::2], strict=True))
    result = run("bench", "quality", *(word for pair in told.items() for word in pair))
    assert result.code == 2
    assert said in result.err
    assert "try:" in result.err


def test_the_command_measures_and_a_missing_domain_is_named(
    run: Any, ground: Path, small: Path, encoder_folder: Path, tmp_path: Path
) -> None:
    words = ["bench", "quality", "--stream", ground / "stream.json", "--encoder", encoder_folder]
    words += ["--profile", "small"]
    result = run(*words, "--data", ground / "data", "--out", small)
    assert result.code == 0, result.err
    assert result.out.strip() == str(small / "results.json")
    shutil.copytree(ground / "data" / "sea", tmp_path / "data" / "sea")
    result = run(*words, "--data", tmp_path / "data", "--out", small)
    assert result.code == 2
    assert "has no domain law" in result.err
    shutil.copytree(ground / "data" / "law", tmp_path / "data" / "law")
    shutil.copytree(ground / "data" / "law", tmp_path / "data" / "ore")
    result = run(*words, "--data", tmp_path / "data", "--out", small)
    assert result.code == 2
    assert "another stream, other data" in result.err
