"""teach, retire, consolidate, approve and reject as their user types them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import worlds

Run = Callable[..., Any]


def test_an_expert_is_retired_after_a_look_at_the_cost(
    run: Run, store: Path, tmp_path: Path
) -> None:
    assert "version 2" in run("update", worlds.write_batch(tmp_path / "b", "law", range(150))).out
    asked = worlds.query("law", 3)
    before = run("search", asked, "--json").json["hits"]
    dry = run("retire", "e1", "--reason", "quiet", "--dry-run")
    assert "dry run: e1 serves nobody any more" in dry.out
    assert "points of nDCG@10 (90 % interval" in dry.out
    page = run("retire", "e1", "--reason", "quiet", "--json").json
    assert (page["version"], page["expert"]) == (3, "e1")
    assert all(len(change) == 3 for change in page["changes"].values())
    [*_, last] = run("history", "--json").json
    assert (last["kind"], last["reason"]) == ("retire", "quiet")
    assert run("experts", "--json").json[0]["serves"] == []
    again = run("retire", "e1", "--reason", "quiet")
    assert again.code == 2
    assert "nightshift experts" in again.err
    assert run("rollback", 2, "--reason", "loud").code == 0
    assert run("search", asked, "--json").json["hits"] == before


def test_one_expert_cannot_be_merged(run: Run, store: Path) -> None:
    result = run("consolidate")
    assert result.code == 3
    assert "no two experts" in result.err


def test_an_expert_waits_until_it_is_approved(run: Run, store: Path, tmp_path: Path) -> None:
    batch = worlds.write_batch(tmp_path / "b", "law", range(150))
    night = run("update", batch, "--approval", "manual")
    assert "e1 waits for approval: gains" in " ".join(night.out.split())
    told = run("experts").out
    assert "nobody yet" in told
    assert "nightshift approve e1" in told
    assert "nobody would be harmed" in run("approve", "e1", "--dry-run").out
    page = run("approve", "e1", "--json").json
    assert (page["version"], page["expert"], page["objection"]) == (3, "e1", None)
    assert run("experts", "--json").json[0]["serves"] != []
    assert "version 4" in run("rollback", 2, "--reason", "too soon").out
    assert "version 5: e1 waits no more" in run("reject", "e1", "--reason", "no").out
    again = run("approve", "e1")
    assert again.code == 2
    assert "nightshift experts" in again.err


def test_a_kind_is_taught_by_its_name(run: Run, store: Path) -> None:
    page = run("teach", "k1", "--json").json
    assert (page["version"], page["kind"]) == (2, "k1")
    assert page["outcome"]["gate"] is not None
    unknown = run("teach", "moon")
    assert unknown.code == 2
    assert "there are: k1" in unknown.err
