"""What stands in a real MLflow afterwards: one complete run and one model version per version."""

from __future__ import annotations

import json
import shutil
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import worlds

from flows import deliver as telling
from flows.alias import version_called
from flows.deliver import deliver_waiting
from flows.mirror import QUIET_AND_QUICK, mirror
from flows.night import update
from flows.record import key_of
from flows.report import drift, gate
from flows.rollback import rollback
from nightshift.errors import UsageError
from nightshift.index import open_index
from nightshift.pyfunc import _load_pyfunc
from state.outbox import destination, waiting
from state.store import Store

# MLflow and its libraries warn of their own future.
pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(autouse=True)
def _surroundings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    for name, value in QUIET_AND_QUICK.items():
        monkeypatch.setenv(name, value)


@pytest.fixture
def told(empty_mlflow: Path) -> Callable[[Store], Store]:
    """Give a store an MLflow that is ready, and nothing told."""

    def prepare(store: Store) -> Store:
        (store.root / "mlflow").mkdir()
        shutil.copy(empty_mlflow, store.root / "mlflow" / "mlflow.db")
        return store

    return prepare


@pytest.fixture
def ready(told: Callable[[Store], Store], grown: Store) -> Store:
    """Versions 1 (first corpus) and 2 (an expert was grown)."""
    return told(grown)


def client_of(store: Store) -> Any:
    from mlflow import MlflowClient

    return MlflowClient(destination(store.root).uri)


def runs_of(store: Store) -> list[Any]:
    """Every run there is, parents and children, oldest version first."""
    client = client_of(store)
    experiments = [each.experiment_id for each in client.search_experiments()]
    found = client.search_runs(experiments, max_results=1000)
    return sorted(
        found, key=lambda run: (int(run.data.tags["nightshift.version"]), run.info.run_name)
    )


def assert_told_once(store: Store) -> None:
    """One run and one model version for each version, complete, and the aliases on the last."""
    history = store.history()
    client = client_of(store)
    runs = [run for run in runs_of(store) if "mlflow.parentRunId" not in run.data.tags]
    assert [run.data.tags["nightshift.key"] for run in runs] == [key_of(m) for m in history]
    for run in runs:
        assert run.info.status == "FINISHED"
        assert run.data.tags["nightshift.delivered"] == "true"
        assert run.data.metrics["documents"] > 0
        [dataset] = run.inputs.dataset_inputs or [None]
        assert dataset is None or len(dataset.dataset.digest) == 32
        held = {entry.path for entry in client.list_artifacts(run.info.run_id)}
        assert {"decision.md", "modules", "plots"} <= held
    versions = client.search_model_versions("name = 'grown'")
    assert sorted(version.run_id for version in versions) == sorted(run.info.run_id for run in runs)
    assert client.get_model_version_by_alias("grown", "champion").run_id == runs[-1].info.run_id
    if len(runs) > 1:
        assert client.get_model_version_by_alias("grown", "previous").run_id == runs[-2].info.run_id
    assert waiting(store, destination(store.root)) == []


def test_each_version_is_one_run_with_its_parts(ready: Store) -> None:
    assert deliver_waiting(ready) == [1, 2]
    assert_told_once(ready)
    first, gate, grown, training = runs_of(ready)
    assert first.info.run_name == "init 1: first corpus: corpus"
    assert grown.info.run_name.startswith("night 2: spawn k2 ")
    assert (gate.info.run_name, training.info.run_name) == ("gate", "training")
    assert {run.data.tags["mlflow.parentRunId"] for run in (gate, training)} == {grown.info.run_id}
    assert first.data.params["encoder_fingerprint"] == ready.manifest(1).encoder["fingerprint"]
    metrics = grown.data.metrics
    assert metrics["gate/k2/ndcg_at_10_gain"] > 0
    assert metrics["gate/k2/queries_better"] > metrics["gate/k2/queries_worse"]
    assert grown.info.end_time - grown.info.start_time > 0


def test_what_the_gate_measured_is_a_table_as_mlflow_keeps_them(ready: Store) -> None:
    import pandas as pd

    deliver_waiting(ready)
    client, manifest = client_of(ready), ready.manifest()
    run = client.get_run(client.get_model_version_by_alias("grown", "champion").run_id)
    for named, rows in zip(
        json.loads(run.data.tags["mlflow.loggedArtifacts"]),
        (drift(manifest), gate(manifest)),
        strict=True,
    ):
        assert named["type"] == "table"
        # What mlflow.load_table does once it has found the run.
        path = client.download_artifacts(run.info.run_id, named["path"])
        assert pd.read_json(path, orient="split", dtype=False).to_dict("records") == rows


def test_the_model_version_points_to_the_files_of_the_modules(ready: Store) -> None:
    from peft import PeftConfig

    deliver_waiting(ready)
    champion = client_of(ready).get_model_version_by_alias("grown", "champion")
    path = client_of(ready).download_artifacts(champion.run_id, "modules/expert/e1")
    expert = ready.objects.open(ready.manifest().modules["expert/e1"])
    for file in expert.iterdir():
        assert (Path(path) / file.name).read_bytes() == file.read_bytes()
    assert PeftConfig.from_pretrained(path).peft_type == "LORA"
    assert champion.source.endswith("/modules")


def test_a_registered_version_answers_through_mlflow(
    ready: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mlflow
    import pandas as pd

    deliver_waiting(ready)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", destination(ready.root).uri)
    served = mlflow.pyfunc.load_model("models:/grown@champion")
    asked = [worlds.query("law", 3), worlds.query("sea", 4)]
    rows = served.predict(pd.DataFrame({"query": asked, "k": [3, 2]}))
    with open_index(ready.root) as index:
        answers = [index.search(query, k) for query, k in zip(asked, (3, 2), strict=True)]
    hits = [hit for answer in answers for hit in answer.hits]
    assert rows["id"].tolist() == [hit.id for hit in hits]
    assert rows["score"].tolist() == pytest.approx([hit.score for hit in hits], abs=1e-5)
    assert set(rows["version"]) == {2}
    ready.root.rename(tmp_path / "moved")
    monkeypatch.setenv("NIGHTSHIFT_STORE", str(tmp_path / "moved"))
    page = tmp_path / "moved" / "mlflow" / "artifacts"
    [page, _] = sorted(page.rglob("nightshift.json"), key=lambda file: file.read_text())
    assert _load_pyfunc(str(page)).index.version in (1, 2)


def test_an_alias_that_was_moved_by_hand_can_be_followed(ready: Store) -> None:
    deliver_waiting(ready)
    client = client_of(ready)
    assert version_called("champion", ready) == 2
    [first] = [
        version
        for version in client.search_model_versions("name = 'grown'")
        if version.tags["nightshift.version"] == "1"
    ]
    client.set_registered_model_alias("grown", "champion", first.version)
    assert version_called("champion", ready) == 1
    with pytest.raises(UsageError, match="no version of this store as 'tomorrow'"):
        version_called("tomorrow", ready)


def test_telling_twice_is_telling_once(ready: Store) -> None:
    deliver_waiting(ready)
    shutil.rmtree(ready.root / "outbox")
    metrics = client_of(ready).get_metric_history(runs_of(ready)[0].info.run_id, "documents")
    assert deliver_waiting(ready) == [1, 2]
    assert_told_once(ready)
    assert len(metrics) == 1


def test_a_half_told_run_is_completed_and_not_repeated(ready: Store) -> None:
    deliver_waiting(ready)
    client = client_of(ready)
    before = len(runs_of(ready))
    for run in runs_of(ready):
        if "nightshift.delivered" in run.data.tags:
            client.delete_tag(run.info.run_id, "nightshift.delivered")
    shutil.rmtree(ready.root / "outbox")
    deliver_waiting(ready)
    assert_told_once(ready)
    assert len(runs_of(ready)) == before
    for run in runs_of(ready):
        for name in run.data.metrics:
            assert len(client.get_metric_history(run.info.run_id, name)) == 1, name


def test_after_a_rollback_the_aliases_follow(ready: Store) -> None:
    deliver_waiting(ready)
    rollback(ready, 1, "the law was wrong")
    assert deliver_waiting(ready) == [3]
    assert_told_once(ready)
    champion = client_of(ready).get_model_version_by_alias("grown", "champion")
    assert champion.tags["nightshift.version"] == "3"
    held = client_of(ready).list_artifacts(champion.run_id, "modules")
    assert "modules/expert" not in {entry.path for entry in held}


def test_an_old_version_told_again_takes_no_alias_back(ready: Store) -> None:
    deliver_waiting(ready)
    (ready.root / "outbox" / "00000001.json").unlink()
    assert deliver_waiting(ready) == [1]
    assert_told_once(ready)


def test_a_store_that_was_moved_leaves_its_old_place_alone(ready: Store, tmp_path: Path) -> None:
    deliver_waiting(ready)
    (tmp_path / "away").mkdir()
    moved = Store.open(ready.root.rename(tmp_path / "away" / "grown"))
    rollback(moved, 1, "moved")
    assert deliver_waiting(moved) == [1, 2, 3]
    assert not ready.root.exists()
    champion = client_of(moved).get_model_version_by_alias("grown", "champion")
    assert champion.tags["nightshift.version"] == "3"
    assert champion.source.startswith((moved.root / "mlflow" / "artifacts").as_uri())


@pytest.mark.parametrize("name", ["a b", "100 %20", "c#1", "ünï", "it's", "a;b&c=d"])
def test_a_store_of_any_name_is_told(
    name: str, told: Callable[[Store], Store], first_store: Path, tmp_path: Path
) -> None:
    shutil.copytree(first_store, tmp_path / name)
    store = told(Store.open(tmp_path / name))
    assert deliver_waiting(store) == [1]
    [run] = runs_of(store)
    artifacts = store.root / "mlflow" / "artifacts" / run.info.run_id / "artifacts"
    assert (artifacts / "decision.md").is_file()
    assert sorted(path.name for path in tmp_path.iterdir()) == [name]


def test_two_stores_of_one_name_do_not_share_a_model(
    ready: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, encoder_folder: Path
) -> None:
    from flows.bootstrap import bootstrap

    monkeypatch.setenv("MLFLOW_TRACKING_URI", destination(ready.root, {}).uri)
    monkeypatch.chdir(tmp_path)
    deliver_waiting(ready)
    corpus = worlds.write_batch(tmp_path / "corpus", "ore", range(60))
    bootstrap(tmp_path / "other" / "grown", [corpus], encoder=str(encoder_folder))
    deliver_waiting(Store.open(tmp_path / "other" / "grown"))
    models = {model.name for model in client_of(ready).search_registered_models()}
    assert len(models) == 2
    assert "grown" in models


def test_mirror_tells_in_a_process_of_its_own_and_says_nothing(
    ready: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    mirrored = mirror(ready)
    assert (mirrored.told, mirrored.waiting, mirrored.error) == ((1, 2), (), None)
    assert_told_once(ready)
    assert mirror(ready).told == ()
    assert capfd.readouterr() == ("", "")


def test_two_deliverers_at_once_tell_once(ready: Store) -> None:
    command = [sys.executable, "-P", "-m", "flows.deliver", str(ready.root)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(2)]
    printed = [process.communicate()[0] for process in processes]
    codes = sorted(process.returncode for process in processes)
    assert codes in ([0, 0], [0, 1]), printed
    assert all("telling it already" in page for page in printed if page)
    assert_told_once(ready)


def test_a_night_of_many_is_told_in_order(ready: Store, tmp_path: Path) -> None:
    for number in range(3):
        start = 300 + 10 * number
        batch = worlds.write_batch(tmp_path / f"b{number}", "sea", range(start, start + 10))
        update(ready, [batch])
    assert deliver_waiting(ready) == [1, 2, 3, 4, 5]
    assert_told_once(ready)
    versions = client_of(ready).search_model_versions("name = 'grown'")
    assert {v.tags["nightshift.version"]: str(v.version) for v in versions} == {
        str(number): str(number) for number in range(1, 6)
    }


def test_a_locked_database_is_waited_for_a_while_and_then_left(ready: Store) -> None:
    holder = sqlite3.connect(ready.root / "mlflow" / "mlflow.db", isolation_level=None)
    holder.execute("BEGIN EXCLUSIVE")
    started = time.monotonic()
    mirrored = mirror(ready)
    holder.execute("ROLLBACK")
    holder.close()
    assert mirrored.told == ()
    assert mirrored.waiting == (1, 2)
    assert "locked" in str(mirrored.error)
    assert time.monotonic() - started < 60
    assert mirror(ready).told == (1, 2)
    assert_told_once(ready)


@pytest.mark.parametrize("place", ["record_of", "deliver"])
def test_a_version_that_cannot_be_told_keeps_no_other_waiting(
    ready: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, place: str
) -> None:
    update(ready, [worlds.write_batch(tmp_path / "more", "sea", range(300, 310))])
    whole = getattr(telling, place)

    def but_for_the_second(*given: Any) -> Any:
        version = given[1].version if place == "record_of" else given[0].version
        if version == 2:
            "\ud800".encode()
        return whole(*given)

    monkeypatch.setattr(telling, place, but_for_the_second)
    with pytest.raises(UnicodeEncodeError):
        deliver_waiting(ready)
    assert [one.version for one in waiting(ready, destination(ready.root))] == [2]
    monkeypatch.setattr(telling, place, whole)
    assert deliver_waiting(ready) == [2]


def test_an_mlflow_that_is_down_for_one_is_down_for_all(
    ready: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def down(record: Any, to: Any) -> str:
        asked.append(record)
        raise ConnectionRefusedError("Connection refused")

    monkeypatch.setattr(telling, "deliver", down)
    with pytest.raises(ConnectionRefusedError):
        deliver_waiting(ready)
    assert len(asked) == 1
