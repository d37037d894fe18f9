"""One night, told by everybody who tells of it, in one figure for one fact."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import worlds
from page_reader import Reader
from prefect_server import serving, surroundings

import nightshift
from flows.deliver import deliver_waiting
from flows.mirror import QUIET_AND_QUICK
from state.outbox import destination
from state.store import Store

# MLflow and its libraries warn of their own future.
pytestmark = pytest.mark.filterwarnings("ignore")

NIGHT, EXPERT = 2, "e1"
"""The version of `grown_store` in which an expert was grown, and that expert."""
QUERIES = (worlds.query("law", 7), worlds.query("sea", 5), worlds.query("sea", 200))
ARTIFACTS = """
import sys
from pathlib import Path
from prefect import flow
from flows.shift.artifacts import publish_artifacts
from state.store import Store
flow(lambda: publish_artifacts(Store.open(Path(sys.argv[1])), [2]), name="told")()
"""
Scores = list[list[tuple[str, float]]]


@dataclass
class Told:
    """What a face says of the night; None where it says nothing of it."""

    documents: int | None = None
    experts: int | None = None
    parameters: int | None = None
    gain: float | None = None
    low: float | None = None
    high: float | None = None
    drift: tuple[float, ...] | None = None
    closeness: float = 1e-9
    """Of gains and shares: a face may round."""


@pytest.fixture
def page(
    open_page: Callable[[Path], Reader],
    grown_store: Path,
    empty_mlflow: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Reader:
    """The page over a store whose MLflow was told, on which the commands work too."""
    for name, value in QUIET_AND_QUICK.items():
        monkeypatch.setenv(name, value)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    page = open_page(grown_store)
    (tmp_path / "store" / "mlflow").mkdir()
    shutil.copy(empty_mlflow, tmp_path / "store" / "mlflow" / "mlflow.db")
    assert deliver_waiting(Store.open(tmp_path / "store")) == [1, 2, 3]
    return page


@pytest.fixture
def store(page: Reader, tmp_path: Path) -> Path:
    return tmp_path / "store"


def test_a_night_has_the_same_figures_on_every_face(
    page: Reader, store: Path, tmp_path: Path
) -> None:
    right = by_manifest(store)
    assert None not in vars(right).values()
    faces = {
        "command": by_command(store),
        "Python": by_python(store),
        "HTTP": by_http(page),
        "page": by_page(page),
        "MLflow": by_mlflow(store),
        "Prefect": by_prefect(store, tmp_path / "prefect"),
    }
    for face, told in faces.items():
        for fact, value in vars(right).items():
            said = getattr(told, fact)
            if said is not None and fact != "closeness":
                assert said == pytest.approx(value, abs=told.closeness), f"{fact} by {face}"
    for fact in ("documents", "experts", "parameters", "gain", "low", "high", "drift"):
        silent = [face for face, told in faces.items() if getattr(told, fact) is None]
        assert len(silent) < len(faces) / 2, f"who tells of {fact}?"


def test_the_live_version_is_the_same_for_health_and_prometheus(page: Reader, store: Path) -> None:
    manifest = Store.open(store).manifest()
    health, metrics = page.json("/health"), page.plain("/metrics")
    assert (health["version"], health["documents"]) == (3, manifest.facts["live_documents"])
    for name in ("live_version 3", f"documents {manifest.facts['live_documents']}", "experts 1"):
        assert f"nightshift_{name}.0" in metrics


def test_a_query_finds_the_same_with_the_same_scores_on_every_face(
    page: Reader, store: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with nightshift.open(store) as index:
        right = [[(hit.id, hit.score) for hit in index.search(query).hits] for query in QUERIES]
    faces = {
        "command": [_scored(typed(store, "search", query)["hits"]) for query in QUERIES],
        "HTTP": [_scored(one["hits"]) for one in page.asked(list(QUERIES))["answers"]],
        "page": [_on_the_page(page, query) for query in QUERIES],
        "MLflow": _served_by_mlflow(store, monkeypatch),
    }
    for face, answers in faces.items():
        for query, hits, expected in zip(QUERIES, answers, right, strict=True):
            assert [id_ for id_, _ in hits] == [id_ for id_, _ in expected], f"{query} by {face}"
            scores = [score for _, score in hits]
            assert scores == pytest.approx([score for _, score in expected], abs=1e-5), face


def typed(store: Path, *words: str) -> Any:
    """What a command prints with --json."""
    command = [sys.executable, "-m", "nightshift.cli.main", *words, "--store", str(store), "--json"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


def by_manifest(store: Path) -> Told:
    facts = Store.open(store).manifest(NIGHT).facts
    return _of_facts(facts, facts["live_documents"], len(facts["live_experts"]))


def by_command(store: Path) -> Told:
    row = next(one for one in typed(store, "history") if one["version"] == NIGHT)
    (expert,) = typed(store, "experts")
    facts = typed(store, "show", str(NIGHT))["facts"]
    told = _of_facts(facts, row["documents"], row["experts"])
    assert expert["gate"] == row["outcomes"][0]["gate"]
    assert (expert["name"], expert["parameters"]) == (EXPERT, row["expert_parameters"])
    return told


def by_python(store: Path) -> Told:
    with nightshift.open(store) as index:
        version, (expert,) = index.versions()[NIGHT - 1], index.experts()
    low, high = expert.interval
    experts = len(version.experts)
    return Told(version.documents, experts, expert.parameters, expert.gain, low, high)


def by_http(page: Reader) -> Told:
    row = page.json("/versions")[NIGHT - 1]
    (expert,) = page.json("/experts")
    assert expert["gate"] == row["outcomes"][0]["gate"]
    assert expert["parameters"] == row["expert_parameters"]
    return _of_facts(page.json(f"/versions/{NIGHT}")["facts"], row["documents"], row["experts"])


def by_page(page: Reader) -> Told:
    (row,) = [
        [int(cell.replace(",", "")) for cell in cells]
        for cells in zip(*[iter(page.texts("#growth :is(tbody th, tbody td)"))] * 4, strict=True)
        if cells[0] == str(NIGHT)
    ]
    gain, low, high = figures(page.text("#gate td.own"))[:3]
    _, documents, experts, parameters = row
    return Told(documents, experts, parameters, gain, low, high, closeness=0.0005)


def by_mlflow(store: Path) -> Told:
    from mlflow import MlflowClient

    client = MlflowClient(destination(store).uri)
    (version,) = [
        one
        for one in client.search_model_versions("name = 'nightshift'")
        if one.tags["nightshift.version"] == str(NIGHT)
    ]
    metrics = client.get_run(version.run_id).data.metrics
    (kind,) = {name.split("/")[1] for name in metrics if name.startswith("gate/")}
    layers = Store.open(store).manifest(NIGHT).facts["detection"]["layers"]
    gain = f"gate/{kind}/ndcg_at_10_gain"
    return Told(
        int(metrics["documents"]),
        int(metrics["experts"]),
        int(metrics["expert_parameters"]),
        metrics[gain],
        metrics[f"{gain}_low"],
        metrics[f"{gain}_high"],
        tuple(metrics[f"layers/drift/{layer}"] for layer in layers),
    )


def by_prefect(store: Path, home: Path) -> Told:
    home.mkdir()
    environment = surroundings(home)
    with serving(environment) as ask:
        command = [sys.executable, "-c", ARTIFACTS, str(store)]
        subprocess.run(command, env=environment, check=True, capture_output=True)
        latest = {one["key"]: one["data"] for one in ask("artifacts/latest/filter", {})}
    gate = json.loads(latest["nightshift-gate"])[0]
    drift = json.loads(latest["nightshift-drift"])
    low, high = figures(gate["90 % interval"])
    return Told(
        gain=figures(gate["gain"])[0],
        low=low,
        high=high,
        drift=tuple(figures(row["beyond 95 %"])[0] for row in drift),
        closeness=0.0005,
    )


def figures(told: str) -> list[float]:
    """The figures in a text that tells points or per cent."""
    return [float(one) / 100 for one in re.findall(r"[-+]?\d+\.\d+", told.replace("−", "-"))]


def _of_facts(facts: Any, documents: int, experts: int) -> Told:
    gate = facts["outcomes"][0]["gate"]
    drift, (low, high) = tuple(facts["detection"]["drift"]), gate["interval"]
    return Told(documents, experts, facts["expert_parameters"], gate["gain"], low, high, drift)


def _scored(hits: list[dict[str, Any]]) -> list[tuple[str, float]]:
    return [(hit["id"], hit["score"]) for hit in hits]


def _on_the_page(page: Reader, query: str) -> list[tuple[str, float]]:
    page.search(query)
    scores = [float(str(one.get_attribute("value"))) for one in page.all(".hits data")]
    return list(zip(page.texts(".hits .title > bdi:first-child"), scores, strict=True))


def _served_by_mlflow(store: Path, monkeypatch: pytest.MonkeyPatch) -> Scores:
    import mlflow
    import pandas as pd

    monkeypatch.setenv("MLFLOW_TRACKING_URI", destination(store).uri)
    served = mlflow.pyfunc.load_model("models:/nightshift@champion")
    rows = served.predict(pd.DataFrame({"query": QUERIES}))
    return [
        [(row["id"], row["score"]) for row in rows[rows["query"] == query].to_dict("records")]
        for query in QUERIES
    ]
