"""`nightshift up` for real: all parts answer, nights come by themselves, and nothing is left over.

One appliance lives through all of it, in the order of the tests.
"""

from __future__ import annotations

import base64
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psutil
import pytest
import worlds

from nightshift.appliance import child, place
from nightshift.appliance.place import Running
from state.store import Store

PATIENCE = 300.0
FLAGS = ("--port-prefect", "--port-search", "--port-mlflow")
COMMAND = (sys.executable, "-m", "nightshift.cli.main")


class Appliance:
    """An `up` of its own, with a store, an inbox, three ports, and what it says in a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ports = dict(zip(FLAGS, free_ports(len(FLAGS)), strict=True))
        self.process: subprocess.Popen[bytes] | None = None
        self._environment = {
            **{name: said for name, said in os.environ.items() if name != "PREFECT_API_URL"},
            "OMP_NUM_THREADS": "1",
            # A way to the internet that leads nowhere: nothing here needs it.
            "http_proxy": "http://127.0.0.1:9",
            "no_proxy": "intranet",
        }

    def start(self, *words: str) -> None:
        flags = [str(word) for pair in self.ports.items() for word in pair]
        with (self.folder / "said").open("wb") as said:
            self.process = subprocess.Popen(
                [*COMMAND, "up", *flags, *words],
                cwd=self.folder,
                env=self._environment,
                stdout=said,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )

    def type(self, *words: str) -> subprocess.CompletedProcess[str]:
        """Type another command in the same folder."""
        return subprocess.run(
            [*COMMAND, *words],
            cwd=self.folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
        )

    def plan(self, *words: str) -> Any:
        done = self.type("schedule", *words, "--json")
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)[0]

    def said(self) -> str:
        return (self.folder / "said").read_text()

    def hears(self, sign: str) -> None:
        def heard() -> bool:
            ended = self.process is None or self.process.poll() is not None
            said = sign in self.said()
            assert said or not ended, f"it ended without a sign of it: {self.said()}"
            return said

        wait_until(heard, sign, self.said)

    def ask(self, path: str, page: Any = None) -> Any:
        """What Prefect's REST interface says to whoever knows the password."""
        word = place.password(place.folder_of(self.folder / "store"))
        asked = urllib.request.Request(
            f"http://127.0.0.1:{self.ports['--port-prefect']}/api/{path}",
            data=None if page is None else json.dumps(page).encode(),
            headers={
                "Content-Type": "application/json",
                "Authorization": f"Basic {base64.b64encode(word.encode()).decode()}",
            },
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            said = answer.read()
        return json.loads(said) if said else None

    @property
    def running(self) -> Running:
        found = place.read(self.folder / "store.up")
        assert found is not None
        return found

    def nightly(self) -> str:
        return str(self.ask("deployments/name/nightly/nightly")["id"])

    def answers(self, flag: str, path: str) -> int:
        with urllib.request.urlopen(f"http://127.0.0.1:{self.ports[flag]}{path}") as answer:
            return int(answer.status)


def free_ports(count: int) -> list[int]:
    held = [socket.socket() for _ in range(count)]
    for one in held:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in held]
    for one in held:
        one.close()
    return ports


def wait_until(true: Callable[[], bool], what: str, told: Callable[[], Any] = str) -> None:
    until = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < until, f"{what}: {told()}"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def appliance(folder: Path) -> Iterator[Appliance]:
    worlds.write_batch(folder / "inbox" / "monday", "sea", range(300, 340))
    appliance = Appliance(folder)
    appliance.start("--cron", "* * * * *", "--timezone", "UTC")
    yield appliance
    left = place.read(folder / "store.up")
    if appliance.process is not None:
        appliance.process.kill()
        appliance.process.wait()
    if left is not None:
        child.end(left.mark, grace=0.0)


def test_every_part_says_where_it_is_once_it_answers(appliance: Appliance) -> None:
    appliance.hears(f"search   http://127.0.0.1:{appliance.ports['--port-search']}")
    assert appliance.answers("--port-search", "/health") == 200
    appliance.hears(f"Prefect  http://127.0.0.1:{appliance.ports['--port-prefect']}")
    assert appliance.answers("--port-prefect", "/api/health") == 200
    appliance.hears("nights   nightly * * * * * (UTC), next")


def test_prefect_listens_to_nobody_else_and_lets_no_other_page_ask(appliance: Appliance) -> None:
    """Whoever may talk to it could have it run anything."""
    address = f"http://127.0.0.1:{appliance.ports['--port-prefect']}"
    orders = urllib.request.Request(
        f"{address}/api/flow_runs/filter", b"{}", {"Content-Type": "application/json"}
    )
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(orders, timeout=60)
    strange = urllib.request.Request(
        f"{address}/api/health", headers={"Origin": "http://elsewhere.example"}
    )
    with urllib.request.urlopen(strange, timeout=60) as answer:
        allowed = answer.headers.get("Access-Control-Allow-Origin")
    assert allowed in (None, address)
    file = place.folder_of(appliance.folder / "store") / place.PASSWORD
    assert file.stat().st_mode & 0o077 == 0
    assert file.read_text().strip() not in appliance.said()


def test_a_second_one_says_who_runs_the_first(appliance: Appliance) -> None:
    second = appliance.type("up")
    assert second.returncode == 5
    assert appliance.process is not None
    assert f"process {appliance.process.pid}, since" in second.stderr


def test_a_part_that_is_killed_is_started_again_and_no_other(appliance: Appliance) -> None:
    mark = appliance.running.mark
    before = {one.pid for one in child.marked(f"{mark}:Prefect:")}
    for process in child.marked(f"{mark}:search:"):
        process.kill()
    appliance.hears("search ended with signal 9; it is started again in 1 s")
    appliance.hears("search   is back")
    assert appliance.answers("--port-search", "/health") == 200
    assert before <= {one.pid for one in child.marked(f"{mark}:Prefect:")}


def test_a_cron_of_every_minute_brings_a_night_that_is_a_version(appliance: Appliance) -> None:
    appliance.hears("absorbed: monday: version 2 (absorb 40)")
    assert Store.open(appliance.folder / "store").manifest().facts["batches"][0]["batch"] == (
        "monday"
    )
    # Once a version was told there is something to look at.
    appliance.hears(f"MLflow   http://127.0.0.1:{appliance.ports['--port-mlflow']}")
    assert appliance.answers("--port-mlflow", "/health") == 200
    appliance.hears("Ctrl-C ends it")


def test_a_schedule_that_is_set_paused_and_resumed_is_so_on_the_server(
    appliance: Appliance,
) -> None:
    plan = appliance.plan("set", "--cron", "30 2 * * *", "--timezone", "Europe/Berlin")
    assert (plan["cron"], plan["timezone"], plan["paused"]) == (
        "30 2 * * *",
        "Europe/Berlin",
        False,
    )
    assert [datetime.fromisoformat(night).strftime("%H:%M") for night in plan["next"]] == (
        ["02:30"] * 3
    )
    assert plan["last"]["state"].startswith("Completed: ")
    [schedule] = appliance.ask("deployments/name/nightly/nightly")["schedules"]
    assert schedule["schedule"]["cron"] == "30 2 * * *"
    assert appliance.plan("pause")["next"] == []
    assert appliance.ask("deployments/name/weekly/weekly")["paused"]
    assert not appliance.plan("resume")["paused"]
    assert not appliance.ask("deployments/name/nightly/nightly")["paused"]


def test_three_missed_nights_are_caught_up_once(appliance: Appliance) -> None:
    worlds.write_batch(appliance.folder / "inbox" / "tuesday", "sea", range(340, 380))
    now = datetime.now(UTC)
    missed = {
        "start_time": (now - timedelta(days=3)).isoformat(),
        "end_time": now.isoformat(),
        "min_runs": 3,
    }
    appliance.ask(f"deployments/{appliance.nightly()}/schedule", missed)

    def late() -> list[dict[str, Any]]:
        due = {"expected_start_time": {"before_": now.isoformat()}}
        deployment = {"id": {"any_": [appliance.nightly()]}}
        found = appliance.ask("flow_runs/filter", {"flow_runs": due, "deployments": deployment})
        return [run for run in found if run["expected_start_time"][14:16] == "30"]

    appliance.hears("tuesday: version 3 (absorb 40)")
    wait_until(lambda: all(run["end_time"] for run in late()), "the late runs end", late)
    states = [(run["state_name"], run["run_count"]) for run in late()]
    assert sorted(states) == [
        ("Cancelled", 0),
        ("Cancelled", 0),
        ("Completed: absorbed", 1),
    ]


def test_a_night_now_says_which_version_came_of_it(appliance: Appliance) -> None:
    worlds.write_batch(appliance.folder / "inbox" / "wednesday", "sea", range(380, 400))
    done = appliance.type("schedule", "now", "--json")
    assert done.returncode == 0, done.stderr
    page = json.loads(done.stdout)
    assert (page["state"], page["versions"]) == ("Completed: absorbed", [4])


def test_after_a_kill_it_starts_again_and_finds_what_it_left(appliance: Appliance) -> None:
    assert appliance.process is not None
    mark = appliance.running.mark
    [last, *_] = appliance.ask("flow_runs/filter", {"sort": "END_TIME_DESC", "limit": 1})
    at_work = {"state": {"type": "RUNNING", "name": "Running"}, "force": True}
    appliance.ask(f"flow_runs/{last['id']}/set_state", at_work)
    appliance.process.kill()
    appliance.process.wait()
    orphans = list(child.marked(mark))
    assert len(orphans) >= 4
    appliance.start()
    appliance.hears("of an earlier run, which was killed, have been ended")
    assert not any(one.is_running() and one.status() != psutil.STATUS_ZOMBIE for one in orphans)
    appliance.hears("nights   nightly 30 2 * * * (Europe/Berlin), next")
    assert appliance.ask(f"flow_runs/{last['id']}")["state_name"] == "Crashed"
    appliance.hears("nothing to do: no batch brings anything new")  # the night that died, again
    automations = appliance.ask("automations/filter", {})
    assert [one["name"] for one in automations] == [
        "nightshift: a run without a sign of life has crashed"
    ]


def test_ctrl_c_leaves_nothing_behind(appliance: Appliance) -> None:
    assert appliance.process is not None
    mark = appliance.running.mark
    appliance.process.send_signal(signal.SIGINT)
    assert appliance.process.wait(PATIENCE) == 0
    assert appliance.said().splitlines()[-1] == "ended"
    assert not list(child.marked(mark))
    assert place.read(appliance.folder / "store.up") is None
    said = appliance.type("schedule")
    assert said.returncode == 1
    assert "try: nightshift up" in said.stderr


def test_a_port_that_is_taken_is_named_with_its_flag(appliance: Appliance) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        said = appliance.type("up", "--port-search", str(port), "--no-mlflow")
    assert said.returncode == 1
    assert f"port {port} of 127.0.0.1 is taken" in said.stderr
    assert "try: nightshift up --port-search" in said.stderr
