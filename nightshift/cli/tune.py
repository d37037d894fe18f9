"""`nightshift tune`: the encoder behind a general prefix, for `nightshift migrate`."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import (
    DEFAULT_STORE,
    DebugOption,
    JsonOption,
    StoreOption,
    TrainMinutesOption,
)
from nightshift.cli.output import out, plain


def tune(
    folder: Annotated[Path, typer.Option("--out", help="A folder that is not there yet.")],
    train_minutes: TrainMinutesOption = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Teach a prefix before every text by all that was asked; write the encoder that has it.

    The store stays as it is. `nightshift migrate --encoder FOLDER` compares and takes it.
    """
    from flows.tuning import tune as teach
    from state.store import Store

    with output.progress() as progress:
        done = teach(Store.open(store), folder, minutes=train_minutes, progress=progress)
    if as_json:
        output.print_json(done.as_json())
        return
    told, losses = done.training, " -> ".join(f"{loss:.2f}" for loss in done.training.losses)
    stopped = ", when its time was over" if told.stopped_early else ""
    out.print(f"[bold]{plain(str(folder))}[/bold]: {plain(done.encoder)} behind a general prefix")
    out.print(f"  prefix     {done.parameters:,} weights")
    for name, queries in done.queries.items():
        out.print(f"  taught by  {queries:,} queries about {plain(name)}")
    out.print(f"  loss       {losses}; {told.steps:,} steps, {told.seconds:.0f} s{stopped}")
    out.print(f"  next: nightshift migrate --encoder {shlex.quote(str(folder))}", markup=False)
