"""`nightshift up`: schedule, search and records on one machine, in one terminal."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.output import out


def up(
    inbox: Annotated[
        Path, typer.Option("--inbox", help="Where batches arrive; made if it is not there.")
    ] = Path("inbox"),
    cron: Annotated[
        str | None, typer.Option("--cron", help='When; at first "0 2 * * *", then as it was.')
    ] = None,
    timezone: Annotated[
        str | None,
        typer.Option("--timezone", help="By whose clock; at first this machine's, then as it was."),
    ] = None,
    port_prefect: Annotated[
        int, typer.Option("--port-prefect", help="Where Prefect's pages are.")
    ] = 4200,
    port_search: Annotated[
        int, typer.Option("--port-search", help="Where searches are answered.")
    ] = 8765,
    port_mlflow: Annotated[
        int, typer.Option("--port-mlflow", help="Where MLflow's pages are.")
    ] = 5000,
    no_mlflow: Annotated[
        bool, typer.Option("--no-mlflow", help="Start no pages of MLflow's.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Everything at once: the nights by themselves, searches, and pages to look at. Ctrl-C ends it.

    Prefect is its own unless PREFECT_API_URL names a server.
    """
    from nightshift.appliance.up import Wanted, live

    live(
        Wanted(
            store=store.resolve(),
            inbox=inbox.resolve(),
            cron=cron,
            timezone=timezone,
            port_prefect=port_prefect,
            port_search=port_search,
            port_mlflow=None if no_mlflow else port_mlflow,
        ),
        _as_lines_of_json if as_json else _plainly,
    )


def _plainly(line: str) -> None:
    out.print(line, markup=False, soft_wrap=True)


def _as_lines_of_json(line: str) -> None:
    now = datetime.now(UTC).isoformat(timespec="seconds")
    print(json.dumps({"time": now, "told": line}), flush=True)
