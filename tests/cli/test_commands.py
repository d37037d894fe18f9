"""Every command as its user types it: keys others may rely on, exit codes, sentences."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import worlds

from nightshift.cli.main import app

Run = Callable[..., Any]


def test_init_and_update_give_the_promised_keys(run: Run, store: Path, tmp_path: Path) -> None:
    batch = worlds.write_batch(tmp_path / "b", "sea", range(60, 80))
    page = run("update", batch, "--json").json
    assert page["version"] == 2
    [night] = page["batches"]
    assert {"batch", "outcomes", "documents", "encoded", "seconds"} <= set(night)
    assert set(night["documents"]) == {"added", "updated", "deleted", "unchanged", "quarantined"}
    assert list(night["seconds"]) == [
        "ingest",
        "encode",
        "detect",
        "decide",
        "train",
        "gate",
        "publish",
    ]
    [outcome] = night["outcomes"]
    assert set(outcome) == {"kind", "documents", "outcome", "reason", "expert", "gate", "kind_id"}
    assert night["encoded"] == 20


def test_search_gives_the_promised_keys(run: Run, store: Path) -> None:
    text = worlds.document("sea", 3)["text"]
    page = run("search", text, "-k", 3, "--json").json
    assert set(page) == {"version", "route", "share", "hits"}
    assert page["share"] == 0.5
    assert page["route"] == {"frozen": 1.0}
    assert [hit["rank"] for hit in page["hits"]] == [1, 2, 3]
    assert page["hits"][0]["id"] == "sea-3"
    assert set(page["hits"][0]) == {
        "rank", "id", "source", "score", "title", "text", "segment", "dense", "lexical",
    }  # fmt: skip
    for hit in page["hits"]:
        assert set(hit["dense"]) == set(hit["lexical"]) == {"rank", "score", "adds"}
        assert hit["dense"]["adds"] + hit["lexical"]["adds"] == pytest.approx(hit["score"])


def test_search_may_ask_one_leg_alone(run: Run, store: Path) -> None:
    text = worlds.document("sea", 3)["text"]
    for leg in ("dense", "lexical"):
        page = run("search", text, "--leg", leg, "--json").json
        assert page["hits"][0]["id"] == "sea-3"
        assert page["share"] is None
        assert page["hits"][0]["dense"] is page["hits"][0]["lexical"] is None
    assert run("search", "nowhere", "--leg", "lexical", "--json").json["hits"] == []
    assert run("search", text, "--leg", "neither").code == 2


def test_explain_shows_the_kinds_a_query_resembles(run: Run, store: Path) -> None:
    page = run("search", worlds.query("sea", 3), "--explain", "--json").json
    assert page["explain"]["kinds"][0]["kind"] == "k1"
    assert "kinds" not in run("search", "sea", "--json").json
    told = run("search", worlds.query("sea", 3), "--explain").out
    assert "served by the frozen encoder" in told
    assert "its words count 0.50" in told
    assert "vectors rank " in told
    assert "words rank 1 with" in told
    assert "words rank" not in run("search", worlds.query("sea", 3)).out


def test_history_and_show_tell_how_it_grew(run: Run, store: Path, tmp_path: Path) -> None:
    run("update", worlds.write_batch(tmp_path / "b", "sea", range(60, 80)))
    rows = run("history", "--json").json
    assert [row["version"] for row in rows] == [1, 2]
    assert [row["live"] for row in rows] == [False, True]
    assert [row["documents"] for row in rows] == [60, 80]
    assert set(rows[0]) == {
        "version", "parent", "time", "kind", "shift", "outcomes", "documents", "experts",
        "expert_parameters", "reason", "seconds", "live", "pinned",
    }  # fmt: skip
    assert "absorb" in run("history").out
    assert run("show", 2, "--json").json["facts"]["batches"][0]["batch"] == "b"
    assert "20 added" in run("show", 2).out


def test_experts_says_so_when_there_are_none(run: Run, store: Path) -> None:
    assert run("experts", "--json").json == []
    assert "frozen encoder" in run("experts").out


def test_rollback_asks_for_a_reason_and_keeps_it(run: Run, store: Path, tmp_path: Path) -> None:
    run("update", worlds.write_batch(tmp_path / "b", "sea", range(60, 80)))
    assert run("rollback").code == 2
    dry = run("rollback", "--reason", "x", "--documents", "--dry-run", "--json").json
    assert dry["version"] is None
    assert dry["live_documents"] == {"before": 80, "after": 60}
    done = run("rollback", "--reason", "too early", "--documents", "--json").json
    assert (done["version"], done["to"]) == (3, 1)
    assert run("history", "--json").json[-1]["reason"] == "to version 1: too early"


def test_evaluate_gives_the_promised_keys_and_drops_what_is_gone(
    run: Run, store: Path, tmp_path: Path
) -> None:
    folder = worlds.write_batch(tmp_path / "judged", "sea", range(50, 70), test_from=50)
    page = run("evaluate", folder, "--json").json
    assert set(page) == {
        "version", "leg", "queries", "dropped", "documents", "metrics", "intervals", "routes",
    }  # fmt: skip
    assert page["leg"] == "both"
    assert set(page["metrics"]) == set(page["intervals"]) == {"nDCG@10", "R@100", "MRR@10"}
    assert page["queries"] == page["dropped"] == 10 * worlds.WORDINGS
    frozen = run("evaluate", folder, "--frozen", "--json").json
    dense = run("evaluate", folder, "--leg", "dense", "--json").json
    assert frozen["metrics"] == dense["metrics"], "there is no expert yet"
    assert frozen["leg"] == dense["leg"] == "dense"
    assert "95 % interval" in run("evaluate", folder).out


def test_evaluate_measures_each_leg(run: Run, store: Path, tmp_path: Path) -> None:
    folder = worlds.write_batch(tmp_path / "judged", "sea", range(40, 60), test_from=40)
    measured = {
        leg: run("evaluate", folder, "--leg", leg, "--json").json["metrics"]["nDCG@10"]
        for leg in ("dense", "lexical", "both")
    }
    assert min(measured["lexical"], measured["both"]) > measured["dense"] + 0.1, "filler drowns"
    for leg, score in measured.items():
        page = run("evaluate", folder, "--frozen", "--leg", leg, "--json").json
        assert page["metrics"]["nDCG@10"] == pytest.approx(score), "there is no expert yet"


def test_keyword_search_may_be_switched_off(
    run: Run, tmp_path: Path, encoder_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corpus = worlds.write_batch(tmp_path / "corpus", "sea", range(60))
    for number, (flag, variable) in enumerate(((["--no-lexical"], ""), ([], "false"))):
        store = tmp_path / f"store{number}"
        monkeypatch.setenv("NIGHTSHIFT_LEXICAL", variable)
        made = run("init", "-c", corpus, "-e", encoder_folder, "--store", store, *flag)
        assert made.code == 0, made.err
        page = run("search", worlds.query("sea", 3), "--json", "--store", store).json
        dense = run("search", worlds.query("sea", 3), "--json", "--store", store, "--leg", "dense")
        assert page == dense.json
        assert page["share"] is None
        refused = run("search", "sea", "--leg", "lexical", "--store", store)
        assert refused.code == 2
        assert "keyword search is off" in refused.err
        for leg in ([], ["--leg", "both"], ["--frozen", "--leg", "both"]):
            words = [corpus, "--split", "train", "--store", store, *leg]
            assert run("evaluate", *words, "--json").json["leg"] == "dense"
            assert ", vectors, " in run("evaluate", *words).out


def test_verify_names_the_damaged_object_and_its_versions(run: Run, store: Path) -> None:
    assert run("verify").code == 0
    victim = next(store.glob("objects/*/*/vectors.npy"))
    data = bytearray(victim.read_bytes())
    data[-1] ^= 1
    victim.chmod(0o600)
    victim.write_bytes(data)
    result = run("verify", "--json")
    assert result.code == 6
    assert result.json["damage"][0]["versions"] == [1]
    assert victim.parent.name in result.json["damage"][0]["what"]
    assert run("search", "sea").code == 6


def test_the_same_batch_twice_is_nothing_to_do(run: Run, store: Path, tmp_path: Path) -> None:
    batch = worlds.write_batch(tmp_path / "b", "sea", range(60, 70))
    assert run("update", batch).code == 0
    result = run("update", batch)
    assert result.code == 3
    assert result.out == ""
    assert len(run("history", "--json").json) == 2


def test_an_inbox_is_taken_in_the_order_of_names(run: Run, store: Path, tmp_path: Path) -> None:
    for name, start in (("2", 70), ("1", 60)):
        worlds.write_batch(tmp_path / "inbox" / name, "sea", range(start, start + 10))
    worlds.write_batch(tmp_path / "inbox" / "3.tmp", "sea", range(90, 99))
    page = run("update", "--inbox", tmp_path / "inbox", "--json").json
    assert [night["batch"] for night in page["batches"]] == ["1", "2"]
    assert run("update", "--inbox", tmp_path / "inbox").code == 3


def test_a_dry_run_tells_and_changes_nothing(run: Run, store: Path, tmp_path: Path) -> None:
    batch = worlds.write_batch(tmp_path / "b", "sea", range(60, 80))
    result = run("update", batch, "--dry-run", "--json")
    assert result.json["dry_run"] is True
    assert result.json["version"] is None
    assert result.json["batches"][0]["outcomes"][0]["outcome"] == "absorb"
    assert len(run("history", "--json").json) == 1


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["show", 9], 2, "there is no version 9"),
        (["search", "x", "--version", 9], 2, "there is no version 9"),
        (["rollback", 9, "--reason", "x"], 2, "there is no version 9"),
        (["rollback", "--reason", "x"], 2, "version 1 has no version before it"),
        (["update"], 2, "needs batches or an inbox"),
        (["update", "/nowhere"], 1, "/nowhere is not a batch"),
        (["search", " "], 2, "the query is empty"),
        (["init", "--corpus", "/nowhere"], 1, "/nowhere is not a batch"),
        (["nonsense"], 2, "No such command"),
        (["search"], 2, "Missing argument"),
        (["search", "x", "--store", "/nowhere"], 1, "there is no store at /nowhere"),
    ],
)
def test_an_error_is_one_sentence_and_never_a_traceback(
    run: Run, store: Path, words: list[object], code: int, said: str
) -> None:
    result = run(*words)
    assert result.code == code
    assert said in " ".join(result.err.split())
    assert "Traceback" not in result.err
    assert result.out == ""


def test_debug_shows_the_traceback(run: Run, store: Path) -> None:
    with pytest.raises(Exception, match="there is no version 9"):
        run("show", 9, "--debug")


def test_a_second_init_leaves_the_store_alone(run: Run, store: Path, tmp_path: Path) -> None:
    result = run("init", "--corpus", tmp_path / "corpus")
    assert result.code == 1
    assert "already" in result.err


def test_a_second_writer_is_sent_away_at_once(run: Run, store: Path, tmp_path: Path) -> None:
    from state.store import Store

    batch = worlds.write_batch(tmp_path / "b", "sea", range(60, 70))
    with Store.open(store).writing():
        result = run("update", batch)
    assert result.code == 5
    assert "try:" in result.err


@pytest.mark.parametrize(
    "step", ["claim", "ingest", "shelve", "look", "decide", "grow", "save_modules"]
)
def test_ctrl_c_leaves_everything_as_it_was(
    run: Run, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    batch = worlds.write_batch(tmp_path / "b", "sea", range(60, 70))

    def interrupted(*args: object, **kwargs: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(f"flows.night.{step}", interrupted)
        result = run("update", batch)
    assert result.code == 130
    assert "interrupted" in result.err
    assert run("verify").code == 0
    assert run("update", batch).code == 0


def test_every_command_helps_and_offers_json(run: Run) -> None:
    for command in app.registered_commands:
        result = run(command.name, "-h")
        assert result.code == 0
        assert command.callback is not None
        assert command.callback.__doc__
        assert "--json" in re.sub(r"\x1b\[[0-9;]*m", "", result.out), command.name


def test_the_installed_command_answers_quickly_without_loading_torch() -> None:
    code = (
        "import sys; sys.argv = ['nightshift', '--version']\n"
        "from nightshift.cli.main import run\n"
        "try:\n    run()\n"
        "finally:\n    assert not {'torch', 'mlflow', 'prefect'} & set(sys.modules)\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    assert re.fullmatch(r"nightshift \d+\.\d+\.\d+\n", result.stdout)
