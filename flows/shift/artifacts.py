"""A night's report as Prefect artifacts, under keys that stay: Prefect keeps their history."""

from __future__ import annotations

from collections.abc import Sequence

from prefect.artifacts import (
    create_link_artifact,
    create_markdown_artifact,
    create_table_artifact,
)

from flows.maintenance import Maintenance
from flows.page import decision
from flows.report import drift, gate
from state.outbox import destination
from state.store import Store

DECISION, DRIFT, GATE, RECORD, ROUNDS = (
    "nightshift-decision",
    "nightshift-drift",
    "nightshift-gate",
    "nightshift-record",
    "nightshift-rounds",
)


def publish_artifacts(store: Store, versions: Sequence[int]) -> None:
    """Show what came of these versions, or that nothing did, and where MLflow has the record."""
    manifests = [store.manifest(version) for version in versions]
    live = store.head().version
    pages = [decision(one) for one in manifests] or [f"Nothing to do; version {live} is live."]
    create_markdown_artifact("\n\n".join(pages), key=DECISION, description="What was decided")
    for key, told, rows in (
        (DRIFT, "How foreign each layer found the night", drift),
        (GATE, "What the gate measured, in points of nDCG@10", gate),
    ):
        table = [row for manifest in manifests for row in rows(manifest)]
        if table:
            create_table_artifact(table, key=key, description=told)
    record = destination(store.root).page
    if record:
        create_link_artifact(record, link_text="MLflow", key=RECORD, description="The record")


def publish_rounds(done: Maintenance) -> None:
    """Show what compaction and gc did, and every part that is damaged."""
    rows = [{"step": step, "told": str(told)} for step, told in done.as_json().items()]
    create_table_artifact(rows, key=ROUNDS, description="The weekly rounds")
