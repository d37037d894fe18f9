"""The night shift under a real Prefect server: a cron that fires, runs that coalesce, artifacts.

Prefect runs in processes of its own, and is asked over its REST interface.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import worlds
from prefect_server import Ask, finished, running, serving, surroundings, wait_for

from flows.checks.schedule import FLOWS
from state.store import Store

ROOT = Path(__file__).parents[2]
NIGHT = """
import sys
from flows.shift.nightly import nightly
state = nightly(sys.argv[1], sys.argv[2], return_state=True)
print(f"{state.type.value}: {state.message}")
"""
LOOK = """
from flows.checks.schedule import schedule
for check in schedule():
    print(f"{check.name}: {check.state}: {check.told}")
"""


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return surroundings(tmp_path_factory.mktemp("prefect"))


@pytest.fixture(scope="module")
def server(environment: dict[str, str]) -> Iterator[Ask]:
    with serving(environment) as ask:
        finished(["prefect", "work-pool", "create", "nightshift", "--type", "process"], environment)
        yield ask


def deploy(environment: dict[str, str], folder: Path, cron: str) -> None:
    """Deploy what prefect.yaml says, with another folder and another time of day."""
    page = (ROOT / "prefect.yaml").read_text()
    for said, meant in (
        ('cron: "0 2 * * *"', f'cron: "{cron}"'),
        ("{store: store, inbox: inbox}", f"{{store: {folder}/store, inbox: {folder}/inbox}}"),
        ("{store: store}", f"{{store: {folder}/store}}"),
    ):
        assert page.count(said) == 1
        page = page.replace(said, meant)
    (folder / "prefect.yaml").write_text(page)
    file = str(folder / "prefect.yaml")
    finished(
        ["prefect", "--no-prompt", "deploy", "--all", "--prefect-file", file], environment, ROOT
    )


def a_night(environment: dict[str, str], folder: Path) -> str:
    store, inbox = str(folder / "store"), str(folder / "inbox")
    printed = finished([sys.executable, "-c", NIGHT, store, inbox], environment, folder)
    return printed.strip().splitlines()[-1]


def test_a_cron_really_fires_and_the_night_is_lived_through(
    server: Ask, environment: dict[str, str], folder: Path
) -> None:
    worlds.write_batch(folder / "inbox" / "monday", "sea", range(300, 340))
    deploy(environment, folder, cron="* * * * *")
    with running(
        ["prefect", "worker", "start", "--pool", "nightshift"], environment, folder
    ) as worker:
        line = wait_for(worker, "Flow run .* Finished in state")
    assert "monday: version 2 (absorb 40)" in line
    assert Store.open(folder / "store").manifest().facts["batches"][0]["batch"] == "monday"
    for name in FLOWS:
        finished(
            ["prefect", "deployment", "schedule", "clear", "-y", f"{name}/{name}"], environment
        )


def test_the_steps_are_tasks_in_the_order_of_the_night(
    server: Ask, environment: dict[str, str], folder: Path
) -> None:
    worlds.write_batch(folder / "inbox" / "tuesday", "sea", range(340, 380))
    assert a_night(environment, folder).startswith("COMPLETED: tuesday: version")
    [run] = server("flow_runs/filter", {"sort": "START_TIME_DESC", "limit": 1})
    assert run["name"].startswith(f"night of {datetime.now().astimezone():%a %d %b %Y}, ")
    tasks = server(
        "task_runs/filter",
        {"flow_runs": {"id": {"any_": [run["id"]]}}, "sort": "EXPECTED_START_TIME_ASC"},
    )
    names = [
        task["name"].rsplit("-", 1)[0] for task in sorted(tasks, key=lambda t: t["start_time"])
    ]
    assert names == [
        "claim",
        "ingest",
        "encode",
        "detect",
        "decide",
        "train and gate",
        "publish",
        "mirror",
        "report",
    ]
    assert {task["state"]["type"] for task in tasks} == {"COMPLETED"}


def test_the_report_lies_under_keys_that_stay(
    server: Ask, environment: dict[str, str], folder: Path
) -> None:
    worlds.write_batch(folder / "inbox" / "wednesday", "law", range(120))
    assert "spawn 120" in a_night(environment, folder)
    found = server("artifacts/latest/filter", {})
    latest = {artifact["key"]: artifact for artifact in found}
    assert set(latest) >= {"nightshift-decision", "nightshift-drift", "nightshift-gate"}
    assert "spawn" in latest["nightshift-decision"]["data"]
    assert "accepted" in latest["nightshift-gate"]["data"]


def test_two_runs_at_once_commit_each_batch_once(
    server: Ask, environment: dict[str, str], folder: Path
) -> None:
    before = Store.open(folder / "store").head().version
    for name, first in (("thursday", 400), ("friday", 420)):
        worlds.write_batch(folder / "inbox" / name, "sea", range(first, first + 20))
    with ThreadPoolExecutor(2) as two:
        said = list(two.map(lambda _: a_night(environment, folder), range(2)))
    assert all(line.startswith("COMPLETED") for line in said)
    assert sum("nothing to do" in line for line in said) == 1
    history = Store.open(folder / "store").history()[before:]
    assert sorted(m.facts["batches"][0]["batch"] for m in history) == ["friday", "thursday"]


def test_a_run_that_comes_late_finds_nothing_to_do(
    server: Ask, environment: dict[str, str], folder: Path
) -> None:
    before = Store.open(folder / "store").head()
    assert "nothing to do" in a_night(environment, folder)
    assert Store.open(folder / "store").head() == before


def test_the_doctor_sees_that_the_next_night_is_scheduled(
    server: Ask, environment: dict[str, str], folder: Path
) -> None:
    deploy(environment, folder, cron="0 2 * * *")
    [nightly] = server("deployments/filter", {"deployments": {"name": {"any_": ["nightly"]}}})
    tomorrow = (datetime.now(UTC) + timedelta(days=2)).isoformat()
    server(f"deployments/{nightly['id']}/schedule", {"end_time": tomorrow, "min_runs": 1})
    assert "schedule of nightly: ok: next run" in finished(
        [sys.executable, "-c", LOOK], environment
    )


def test_a_schedule_is_told_and_set_for_a_worker_too(
    server: Ask, environment: dict[str, str], folder: Path
) -> None:
    deploy(environment, folder, cron="0 2 * * *")
    command = [sys.executable, "-m", "nightshift.cli.main", "schedule", "set", "--json"]
    said = finished([*command, "--cron", "15 3 * * *"], environment, folder)
    nightly, weekly = json.loads(said)
    assert (nightly["cron"], nightly["timezone"]) == ("15 3 * * *", "Europe/Berlin")
    assert (weekly["cron"], len(weekly["next"])) == ("0 12 * * 0", 3)
    assert nightly["running"] is None
    [deployed] = server("deployments/filter", {"deployments": {"name": {"any_": ["nightly"]}}})
    run = {"deployment_id": deployed["id"], "flow_id": deployed["flow_id"], "name": "now"}
    now = server("flow_runs/", {**run, "state": {"type": "RUNNING"}})
    said = finished([*command[:-2], "--json"], environment, folder)
    assert json.loads(said)[0]["running"]["name"] == "now"
    assert "now   under way since" in finished(command[:-2], environment, folder)
    server(f"flow_runs/{now['id']}/set_state", {"state": {"type": "CANCELLED"}, "force": True})


def test_the_doctor_sees_a_dead_scheduler_behind_an_active_cron(tmp_path: Path) -> None:
    dead = {**surroundings(tmp_path), "PREFECT_SERVER_SERVICES_SCHEDULER_ENABLED": "false"}
    with serving(dead) as ask:
        flow = ask("flows/", {"name": "nightly"})
        plan = {"schedule": {"cron": "0 2 * * *", "timezone": "UTC"}, "active": True}
        ask("deployments/", {"name": "nightly", "flow_id": flow["id"], "schedules": [plan]})
        said = finished([sys.executable, "-c", LOOK], dead)
    assert "Prefect: ok" in said
    assert "schedule of nightly: broken: has a schedule and no scheduled run" in said


def test_an_expert_waits_in_prefect_until_somebody_resumes_its_run(
    server: Ask, environment: dict[str, str], folder: Path
) -> None:
    deploy(environment, folder, cron="0 2 * * *")
    worlds.write_batch(folder / "inbox" / "saturday", "ore", range(120))
    asked = {**environment, "NIGHTSHIFT_APPROVAL": "manual"}
    assert "propose 120" in a_night(asked, folder)
    [expert] = Store.open(folder / "store").manifest().facts["candidates"]
    with running(
        ["prefect", "worker", "start", "--pool", "nightshift"], environment, folder
    ) as worker:
        wait_for(worker, "Finished in state Suspended")
        [run] = server(
            "flow_runs/filter", {"flow_runs": {"name": {"any_": [f"may {expert} serve?"]}}}
        )
        word = {"approve": True, "reason": "yes"}
        server(f"flow_runs/{run['id']}/resume", {"run_input": word})
        line = wait_for(worker, "Flow run .* Finished in state Completed")
    assert f"{expert} serves" in line
    manifest = Store.open(folder / "store").manifest()
    assert (manifest.kind, manifest.reason) == ("approve", "yes")
    assert expert in manifest.facts["live_experts"]
