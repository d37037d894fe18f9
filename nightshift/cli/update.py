"""`nightshift update`: live through what has arrived."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import (
    DEFAULT_STORE,
    ApprovalOption,
    ComposeOption,
    DebugOption,
    ExpertOption,
    FalseAlarmsOption,
    GateMarginOption,
    GateToleranceOption,
    IndexOption,
    JsonOption,
    LexicalOption,
    MaxExpertsOption,
    RouterOption,
    SideOption,
    StoreOption,
    TrainMinutesOption,
)
from nightshift.cli.record import tell_mlflow
from nightshift.cli.told import tell_nights
from nightshift.errors import NothingToDo, UsageError


def update(
    batches: Annotated[
        list[Path] | None, typer.Argument(help="Batches, in the order of their nights.")
    ] = None,
    inbox: Annotated[
        Path | None, typer.Option("--inbox", help="A folder; every batch in it, by name.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Tell decision and cost, change nothing.")
    ] = False,
    again: Annotated[
        bool, typer.Option("--again", help="Take batches that a rollback has withdrawn, too.")
    ] = False,
    false_alarms: FalseAlarmsOption = None,
    gate_margin: GateMarginOption = None,
    gate_tolerance: GateToleranceOption = None,
    train_minutes: TrainMinutesOption = None,
    expert: ExpertOption = None,
    router: RouterOption = None,
    compose: ComposeOption = None,
    side: SideOption = None,
    max_experts: MaxExpertsOption = None,
    index: IndexOption = None,
    lexical: LexicalOption = None,
    approval: ApprovalOption = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """A night: take in everything pending, in order; each batch becomes one version."""
    from flows.night import update as live_through
    from flows.preview import preview
    from flows.sources import settings_from
    from pipeline.inbox import pending, waiting
    from state.store import Store

    if bool(batches) == bool(inbox):
        raise UsageError("an update needs batches or an inbox", hint="nightshift update BATCH")
    settings = settings_from(
        {
            "false_alarms_per_year": false_alarms,
            "gate_margin": gate_margin,
            "gate_tolerance": gate_tolerance,
            "train_minutes": train_minutes,
            "expert": expert,
            "router": router,
            "compose": compose,
            "side": side,
            "max_experts": max_experts,
            "index": index,
            "lexical": lexical,
            "approval": approval,
        }
    )
    opened = Store.open(store)
    paths = pending(inbox) if inbox else list(batches or ())
    for entry, reason in (waiting(inbox) if inbox else {}).items():
        output.err.print(output.plain(f"{entry.name} waits: {reason}"))
    try:
        with output.progress() as progress:
            lived = preview if dry_run else live_through
            nights = lived(opened, paths, settings=settings, again=again, progress=progress)
    except NothingToDo:
        if not dry_run:
            tell_mlflow(opened)
        raise
    versions = [night.version for night in nights if night.version]
    if as_json:
        page = {
            "version": versions[-1] if versions else None,
            "batches": [night.as_json() for night in nights],
        }
        output.print_json({**page, "dry_run": True} if dry_run else page)
    else:
        tell_nights(nights)
    if not dry_run:
        tell_mlflow(opened)
    elif not as_json:
        output.err.print("nothing was changed; without --dry-run the gate decides as well")
