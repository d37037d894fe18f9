"""What stands in a real MLflow afterwards: one complete run and one model version per version."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import worlds
from mlflow_reader import assert_told_once, client_of, runs_of

from flows.alias import version_called
from flows.deliver import deliver_waiting
from flows.mirror import mirror
from flows.night import update
from flows.report import drift, gate
from flows.rollback import rollback
from nightshift.errors import StoreError, UsageError
from nightshift.index import open_index
from nightshift.pyfunc import _load_pyfunc
from state.outbox import destination
from state.store import Store

# MLflow and its libraries warn of their own future.
pytestmark = pytest.mark.filterwarnings("ignore")


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


def test_an_alias_of_what_somebody_else_registered_is_said_to_be_none_of_ours(
    ready: Store,
) -> None:
    deliver_waiting(ready)
    client = client_of(ready)
    theirs = client.create_model_version("grown", source=str(ready.root / "elsewhere"))
    client.set_registered_model_alias("grown", "champion", theirs.version)
    with pytest.raises(StoreError, match=r"'champion' stands for version 3 .* did not register"):
        version_called("champion", ready)


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


def test_mirror_tells_in_a_process_of_its_own_and_says_nothing(
    ready: Store, capfd: pytest.CaptureFixture[str]
) -> None:
    mirrored = mirror(ready)
    assert (mirrored.told, mirrored.waiting, mirrored.error) == ((1, 2), (), None)
    assert_told_once(ready)
    assert mirror(ready).told == ()
    assert capfd.readouterr() == ("", "")


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
