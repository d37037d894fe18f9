"""doctor, config and diff: what a user reads when something is not as it should be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import worlds

from flows.checks.libraries import WELL, libraries
from state.store import Store

Run = Callable[..., Any]


def checks(page: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {check["name"]: check for check in page}


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


def test_a_sound_store_is_well(run: Run, store: Path) -> None:
    found = checks(run("doctor", "--json").json)
    assert {name for name, check in found.items() if check["state"] == "broken"} == set()
    assert {"store", "lock", "objects", "disk", "encoder", "vectors", "index", "experts"} <= {
        *found
    }
    assert found["Prefect"]["state"] == "warning"
    assert "schedules will not fire" in found["Prefect"]["told"]


def test_a_damaged_object_is_seen(run: Run, store: Path) -> None:
    opened = Store.open(store)
    segment = opened.objects.path(opened.manifest().index["segment/00000001"])
    vectors = segment / "vectors.npy"
    data = bytearray(vectors.read_bytes())
    data[-1] ^= 1
    vectors.chmod(0o600)
    vectors.write_bytes(data)
    result = run("doctor")
    assert result.code == 1
    assert "objects: 1 of" in result.out
    assert "try: nightshift verify" in result.out


def test_an_old_manifest_that_cannot_be_read_is_seen(run: Run, store: Path, tmp_path: Path) -> None:
    run("update", worlds.write_batch(tmp_path / "b", "sea", range(60, 80)))
    (store / "versions" / "00000001.json").write_bytes(b"")
    result = run("doctor")
    assert result.code == 1
    assert "manifests: those of versions 1 cannot be read" in result.out
    assert "versions/00000001.json" in run("verify").err
    assert run("history", "--json").json[0]["version"] == 2


def test_another_encoder_under_the_old_name_is_seen(run: Run, store: Path) -> None:
    source = Path(Store.open(store).manifest().encoder["source"])
    kept = source.with_name("kept")
    shutil.move(source, kept)
    try:
        worlds.save_tiny_encoder(source, seed=1)
        result = run("doctor", "--json")
    finally:
        shutil.rmtree(source)
        shutil.move(kept, source)
    assert result.code == 1
    assert "is not the encoder that made the vectors" in checks(result.json)["encoder"]["told"]


def test_a_store_that_somebody_writes_to_is_no_illness(run: Run, store: Path) -> None:
    with Store.open(store).writing():
        found = checks(run("doctor", "--json").json)
    assert found["lock"]["state"] == "warning"


def test_without_a_store_the_next_command_is_named(run: Run, tmp_path: Path) -> None:
    result = run("doctor", "--store", tmp_path / "none")
    assert result.code == 1
    assert "nightshift init" in result.out


@pytest.mark.parametrize(
    ("name", "bad"), [("sqlalchemy", "2.1.0"), ("fastapi", "0.165.0"), ("mlflow", "3.16.0")]
)
def test_a_library_that_fails_late_is_named_with_the_reason(name: str, bad: str) -> None:
    good = dict.fromkeys(WELL, "0")
    [found] = [c for c in libraries(lambda n: bad if n == name else good[n]) if c.name == name]
    assert found.state == "broken"
    assert WELL[name][1] in found.told


def test_config_tells_where_each_value_is_from(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nightshift.toml").write_text("gate_margin = 0.01\n")
    (tmp_path / "prefect.yaml").write_text(
        "deployments: [{name: nightly, schedules: [{cron: 0 3 * * *, timezone: Asia/Tokyo}]}]"
    )
    monkeypatch.setenv("NIGHTSHIFT_MAX_EXPERTS", "3")
    rows = {row["name"]: row for row in run("config", "--json").json}
    assert (rows["gate_margin"]["value"], rows["gate_margin"]["source"]) == (
        0.01,
        "nightshift.toml",
    )
    assert rows["max_experts"]["source"] == "NIGHTSHIFT_MAX_EXPERTS"
    assert rows["train_minutes"]["source"] == "default"
    assert rows["schedule of nightly"]["value"] == "0 3 * * * (Asia/Tokyo)"


def test_a_night_keeps_the_settings_it_was_lived_through_with(
    run: Run, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    batch = worlds.write_batch(tmp_path / "b", "sea", range(60, 70))
    (tmp_path / "nightshift.toml").write_text("gate_margin = 0.01\ntrain_minutes = 3\n")
    run("update", batch, "--train-minutes", "2")
    settings = Store.open(store).manifest().facts["settings"]
    assert (settings["gate_margin"], settings["train_minutes"]) == (0.01, 2.0)


def test_diff_names_documents_and_settings(
    run: Run, store: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    extra: list[dict[str, object]] = [
        {"_id": "sea-1", "_deleted": True},
        {**worlds.document("sea", 99), "_id": "sea-2"},
    ]
    batch = worlds.write_batch(tmp_path / "b", "sea", range(60, 65), extra=extra)
    run("update", batch, "--max-experts", "4")
    page = run("diff", "1", "2", "--json").json
    assert page["removed"] == [["default", "sea-1"]]
    assert page["changed"] == [["default", "sea-2"]]
    assert len(page["added"]) == 5
    assert page["settings"]["max_experts"] == [32, 4]
    back = run("diff", "2", "1", "--json").json
    assert (back["added"], len(back["removed"])) == (page["removed"], 5)
    assert "the same documents and the same modules" in run("diff", "2", "2").out
