"""Somebody who looks at what stands in the MLflow of a store."""

from __future__ import annotations

from typing import Any

from flows.record import key_of
from state.outbox import destination, waiting
from state.store import Store


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
