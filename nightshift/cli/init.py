"""`nightshift init`: a corpus becomes version 1."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import (
    DEFAULT_STORE,
    DebugOption,
    IndexOption,
    JsonOption,
    LexicalOption,
    StoreOption,
)
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
    index: IndexOption = None,
    lexical: LexicalOption = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Make a store from a corpus: version 1, its frozen index, the statistics of its kinds."""
    from flows.bootstrap import bootstrap
    from flows.sources import settings_from
    from state.store import Store

    settings = settings_from({"index": index, "lexical": lexical, "encoder": encoder})
    with output.progress() as progress:
        night = bootstrap(store, corpus, settings=settings, progress=progress)
    if as_json:
        output.print_json({"version": night.version, "batches": [night.as_json()]})
    else:
        tell_nights([night])
        output.err.print(f"next: nightshift search QUERY --store {store}", markup=False)
    tell_mlflow(Store.open(store))
