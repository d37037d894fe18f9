"""`nightshift teach`: an expert tried for a kind between two nights."""

from __future__ import annotations

from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import (
    DEFAULT_STORE,
    ApprovalOption,
    DebugOption,
    JsonOption,
    StoreOption,
    TrainMinutesOption,
)
from nightshift.cli.output import out
from nightshift.cli.record import tell_mlflow
from nightshift.cli.told import tell_outcome


def teach(
    kind: Annotated[str, typer.Argument(help="Its id or name, as `nightshift show` tells it.")],
    train_minutes: TrainMinutesOption = None,
    approval: ApprovalOption = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Try an expert for a kind that has none, or a revision of its own, by what is asked so far."""
    from flows.sources import settings_from
    from flows.teaching import teach as grow_one
    from state.store import Store

    opened = Store.open(store)
    settings = settings_from({"train_minutes": train_minutes, "approval": approval})
    with output.progress() as progress:
        done = grow_one(opened, kind, settings=settings, progress=progress)
    if as_json:
        output.print_json(done.as_json())
    else:
        out.print(f"[bold]version {done.version}[/bold]")
        tell_outcome(done.outcome)
    tell_mlflow(opened)
