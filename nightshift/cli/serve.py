"""`nightshift serve`: the index over HTTP, with a page to look at it."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.output import err
from nightshift.errors import UsageError

TOKEN = "NIGHTSHIFT_TOKEN"


def serve(
    host: Annotated[str, typer.Option("--host", help="Where to listen.")] = "127.0.0.1",
    port: Annotated[
        int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")
    ] = 8765,
    token_file: Annotated[
        Path | None,
        typer.Option("--token-file", help=f"Holds the token; otherwise {TOKEN} does."),
    ] = None,
    rate: Annotated[
        float, typer.Option("--rate", min=0, help="Requests a second of one client; 0: any.")
    ] = 100.0,
    log: Annotated[
        Path | None, typer.Option("--log", help="Append a line of JSON for every search.")
    ] = None,
    clicks: Annotated[
        Path | None, typer.Option("--clicks", help="Append a line of JSON for every click.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Answer searches over HTTP, and show how the index grew, until Ctrl-C."""
    from nightshift.server.guard import Door
    from nightshift.server.journal import Journal
    from nightshift.server.limits import Limits
    from nightshift.server.running import address, listen, run
    from nightshift.server.service import Service
    from state.store import Store

    opened = Store.open(store)
    door = Door(host, _token(token_file))
    if not door.is_loopback and door.token is None:
        raise UsageError(
            f"{host} can be reached from other machines, and there is no token",
            hint=f"{TOKEN}=$(openssl rand -hex 32) nightshift serve --host {host}",
        )
    service = Service(opened, door, Limits(rate=rate), Journal(log), Journal(clicks))
    with listen(host, port) as listening:

        def ready() -> None:
            version, where = service.versions.live.version, address(listening)
            if as_json:
                output.print_json({"version": version, "address": where})
                sys.stdout.flush()
            else:
                err.print(f"version {version} of {store} at {where} (Ctrl-C ends it)", markup=False)

        run(service, listening, ready)


def _token(file: Path | None) -> str | None:
    """The token, if there is one; an empty one is none at all."""
    if file is None:
        return os.environ.get(TOKEN, "").strip() or None
    token = file.read_text("utf-8").strip()
    if not token:
        raise UsageError(f"{file} is empty", hint=f"openssl rand -hex 32 > {file}")
    return token
