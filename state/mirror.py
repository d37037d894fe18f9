"""Telling MLflow about one version. The only file that knows MLflow.

Every step asks what is there before it adds something, so telling twice is telling once, and a
delivery that was killed at any point is completed by the next one. The tag `nightshift.delivered`
comes last: a run without it is half told. Nothing is ever loaded through MLflow, and nothing is
logged in one of its model formats: a registered version points to plain files.
"""

from __future__ import annotations

import re
import tempfile
from collections.abc import Mapping
from pathlib import Path

from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, Experiment, InputTag, Metric, Param, Run, RunTag
from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.protos.databricks_pb2 import (
    INVALID_PARAMETER_VALUE,
    RESOURCE_DOES_NOT_EXIST,
    ErrorCode,
)

from nightshift.errors import StoreError
from state.outbox import Destination
from state.record import Record

KEY, STORE, VERSION = "nightshift.key", "nightshift.store", "nightshift.version"
DELIVERED = "nightshift.delivered"
PARENT = "mlflow.parentRunId"
MODULES = "modules"
NOT_THERE = (ErrorCode.Name(RESOURCE_DOES_NOT_EXIST), ErrorCode.Name(INVALID_PARAMETER_VALUE))
"""What MLflow says of a model, or of an alias, that it does not have."""
MOST_AT_ONCE = 100
DIGITS = 32
"""Of a dataset's digest; MLflow takes 36 at most."""


def deliver(record: Record, to: Destination) -> str:
    """Make MLflow hold exactly one complete run and one model version of `record`; the run's id."""
    client = MlflowClient(tracking_uri=to.uri)
    experiment = _experiment(client, record.model, to)
    run = _run(client, experiment, record, None)
    if run.data.tags.get(DELIVERED) != "true":
        _log(client, run, record)
        for child in record.children:
            _log(client, _run(client, experiment, child, run), child)
    name = _model(client, record)
    _model_version(client, name, run, record)
    _point(client, name, experiment, record.aliases)
    client.set_tag(run.info.run_id, DELIVERED, "true")
    return str(run.info.run_id)


def _experiment(client: MlflowClient, name: str, to: Destination) -> str:
    """The experiment's id. A store that was moved gets another one: artifacts stay where it is."""
    place = to.artifacts.as_uri() if to.artifacts else None
    found: Experiment | None = client.get_experiment_by_name(name)
    if found is not None and place is not None and found.artifact_location != place:
        name = f"{name} in {place}"
        found = client.get_experiment_by_name(name)
    if found is not None:
        return str(found.experiment_id)
    return str(client.create_experiment(name, artifact_location=place))


def _run(client: MlflowClient, experiment: str, record: Record, parent: Run | None) -> Run:
    """The run with this record's key; a new one carries its key from its first moment."""
    found = _run_of(client, experiment, record.key)
    if found is not None:
        return found
    tags = {KEY: record.key, STORE: record.store, VERSION: str(record.version)}
    if parent is not None:
        tags[PARENT] = parent.info.run_id
    started = record.milliseconds - record.took
    return client.create_run(experiment, start_time=started, tags=tags, run_name=record.name)


def _run_of(client: MlflowClient, experiment: str, key: str) -> Run | None:
    found = client.search_runs([experiment], f"tags.`{KEY}` = '{key}'", max_results=1)
    return found[0] if found else None


def _log(client: MlflowClient, run: Run, record: Record) -> None:
    """Everything about one run; equal values at equal times are the same entries again."""
    run_id = run.info.run_id
    params = [Param(key, value) for key, value in record.parameters.items()]
    tags = [RunTag(key, value) for key, value in record.tags.items()]
    metrics = [
        Metric(key, value, record.milliseconds, record.version)
        for key, value in record.metrics.items()
    ]
    for start in range(0, max(len(params), len(tags), len(metrics)), MOST_AT_ONCE):
        part = slice(start, start + MOST_AT_ONCE)
        client.log_batch(run_id, metrics=metrics[part], params=params[part], tags=tags[part])
    if record.datasets:
        client.log_inputs(run_id, _inputs(record))
    _log_files(client, run_id, record.files)
    client.set_terminated(run_id, "FINISHED", end_time=record.milliseconds)


def _inputs(record: Record) -> list[DatasetInput]:
    context = [InputTag("mlflow.data.context", "night")]
    return [
        DatasetInput(Dataset(each.name, each.digest[:DIGITS], "nightshift", each.source), context)
        for each in record.datasets
    ]


def _log_files(client: MlflowClient, run_id: str, files: Mapping[str, bytes | Path]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        for path, content in files.items():
            place, name = str(Path(path).parent), Path(path).name
            if isinstance(content, bytes):
                Path(folder, name).write_bytes(content)
                content = Path(folder, name)
            client.log_artifact(run_id, str(content), None if place == "." else place)


def _model(client: MlflowClient, record: Record) -> str:
    """The registered model of this store, under a longer name where another one has taken it."""
    for wanted in _names(record.model, record.store):
        try:
            if client.get_registered_model(wanted).tags.get(STORE) == record.store:
                return wanted
        except MlflowException as error:
            if error.error_code != ErrorCode.Name(RESOURCE_DOES_NOT_EXIST):
                raise
            client.create_registered_model(wanted, tags={STORE: record.store})
            return wanted
    raise MlflowException(f"the registered model {wanted!r} belongs to somebody else")


def _model_version(client: MlflowClient, name: str, run: Run, record: Record) -> None:
    if _versions_of(client, name, run.info.run_id):
        return
    client.create_model_version(
        name,
        source=f"{run.info.artifact_uri}/{MODULES}",
        run_id=run.info.run_id,
        tags={KEY: record.key, VERSION: str(record.version)},
        description=record.name,
        await_creation_for=0,
    )


def _versions_of(client: MlflowClient, name: str, run_id: str) -> list[ModelVersion]:
    found = client.search_model_versions(f"run_id = '{run_id}'")
    return [version for version in found if version.name == name]


def version_of(alias: str, model: str, store: str, to: Destination) -> int | None:
    """The version of this store that an alias stands for, if MLflow has such an alias."""
    client = MlflowClient(tracking_uri=to.uri)
    for name in _names(model, store):
        try:
            found = client.get_model_version_by_alias(name, alias)
        except MlflowException as error:
            if error.error_code not in NOT_THERE:
                said = str(error).splitlines()[0]
                raise StoreError(f"MLflow cannot be asked: {said}") from None
            continue
        if client.get_registered_model(name).tags.get(STORE) == store:
            if VERSION not in found.tags:
                told = f"version {found.version} of MLflow's {name!r}"
                raise StoreError(f"{alias!r} stands for {told}, which nightshift did not register")
            return int(found.tags[VERSION])
    return None


def _names(model: str, store: str) -> tuple[str, str]:
    """What the registered model of a store may be called."""
    name = re.sub(r"[/:]", "-", model)
    return name, f"{name} {store[:8]}"


def _point(client: MlflowClient, name: str, experiment: str, aliases: Mapping[str, str]) -> None:
    """Let each alias stand for its version, as far as MLflow has been told of it."""
    for alias, key in aliases.items():
        run = _run_of(client, experiment, key)
        for version in _versions_of(client, name, run.info.run_id) if run else []:
            client.set_registered_model_alias(name, alias, version.version)
