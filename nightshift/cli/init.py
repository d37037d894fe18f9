"""`nightshift init`: a corpus becomes version 1."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.record import tell_mlflow
from nightshift.cli.told import tell_nights


def init(
    corpus: Annotated[
        list[Path], typer.Option("--corpus", "-c", help="A batch to start from; may be repeated.")
    ],
    encoder: Annotated[
        str | None,
        typer.Option(
            "--encoder", "-e", help="A folder or a hub id; the default is all-MiniLM-L6-v2."
        ),
    ] = None,
    index: Annotated[
        str, typer.Option("--index", help='A FAISS factory string, such as "HNSW32".')
    ] = "Flat",
    false_alarms: Annotated[
        float,
        typer.Option("--false-alarms", help="Nights a year that may be called new by mistake."),
    ] = 1.0,
    train_minutes: Annotated[
        float, typer.Option("--train-minutes", help="How long one night may train.")
    ] = 30.0,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a store from a corpus: version 1, its frozen index, the statistics of its kinds."""
    from flows.bootstrap import bootstrap
    from flows.settings import Settings
    from state.store import Store

    settings = Settings(
        false_alarms_per_year=false_alarms, train_minutes=train_minutes, index=index
    )
    with output.progress() as progress:
        night = bootstrap(store, corpus, encoder=encoder, settings=settings, progress=progress)
    if as_json:
        output.print_json({"version": night.version, "batches": [night.as_json()]})
    else:
        tell_nights([night])
        output.err.print(f"next: nightshift search QUERY --store {store}", markup=False)
    tell_mlflow(Store.open(store))
