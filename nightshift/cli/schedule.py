"""`nightshift schedule`: when the nights are, and how to change it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated
from zoneinfo import ZoneInfo

import typer

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.output import err, out, plain
from nightshift.errors import NightshiftError, UsageError, printable

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from flows.shift.plan import Plan

app = typer.Typer(help="When the nights are: show it, set it, pause it; or one night now.")


@app.callback(invoke_without_command=True)
def schedule(
    context: typer.Context,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Cron, time zone, the next three nights, and what the last one came to.

    Asks the Prefect server at PREFECT_API_URL, else that of the running `nightshift up`.
    """
    if context.invoked_subcommand is None:
        with _server(store) as client:
            _show(client, as_json)


@app.command("set")
def set_(
    cron: Annotated[str | None, typer.Option("--cron", help='Such as "0 2 * * *".')] = None,
    timezone: Annotated[
        str | None, typer.Option("--timezone", help="By whose clock, such as Europe/Berlin.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Have the nights at another time; it stays so."""
    if cron is None and timezone is None:
        raise UsageError("nothing was said", hint='nightshift schedule set --cron "0 2 * * *"')
    with _server(store) as client:
        from flows.shift.plan import change

        change(client, cron, timezone)
        _show(client, as_json)


@app.command("pause")
def pause(
    store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Let nothing run by itself, neither nights nor weekly rounds, until `resume`."""
    with _server(store) as client:
        from flows.shift.plan import pause

        pause(client)
        _show(client, as_json)


@app.command("resume")
def resume(
    store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Let nights and weekly rounds run by themselves again."""
    with _server(store) as client:
        from flows.shift.plan import resume

        resume(client)
        _show(client, as_json)


@app.command("now")
def now(
    store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """One night now, through Prefect; says which version came of it."""
    from nightshift.appliance.news import outcome

    with _server(store) as client:
        from flows.shift.plan import run_now

        if err.is_terminal:
            with err.status("a night is lived through"):
                run = run_now(client, PATIENCE)
        else:
            run = run_now(client, PATIENCE)
    if as_json:
        output.print_json(run.as_json())
    elif run.succeeded:
        out.print(printable(outcome(run)), markup=False, soft_wrap=True)
    if not run.succeeded:
        raise NightshiftError(
            f"the night ended as {printable(outcome(run))}", hint="nightshift schedule"
        )


PATIENCE = 60.0
"""Seconds in which somebody must have taken up a run."""


@contextmanager
def _server(store: Path) -> Iterator[SyncPrefectClient]:
    """The server at PREFECT_API_URL, else of the running `up`, else of Prefect's own settings."""
    from nightshift.appliance.place import turn_to

    turn_to(store)
    from prefect.settings import PREFECT_API_URL

    from flows.shift.plan import server

    if not PREFECT_API_URL.value():
        raise NightshiftError(
            f"nothing runs for {store} by itself, and PREFECT_API_URL names no Prefect server",
            hint="nightshift up",
        )
    with server() as client:
        yield client


def _show(client: SyncPrefectClient, as_json: bool) -> None:
    from flows.shift.plan import read_all

    plans = read_all(client)
    if as_json:
        output.print_json([plan.as_json() for plan in plans])
        return
    for plan in plans:
        _tell(plan)


def _tell(plan: Plan) -> None:
    from nightshift.appliance.news import told

    when = f"{plan.cron} ({plan.timezone})" if plan.cron else "no schedule"
    paused = "; [yellow]paused[/yellow], try: nightshift schedule resume" if plan.paused else ""
    out.print(f"[bold]{plan.flow}[/bold]  {plain(when)}{paused}")
    for night in plan.next:
        out.print(f"  next  {night:%a %d %b %Y %H:%M %z}")
    if plan.running and plan.running.start:
        since = plan.running.start.astimezone(ZoneInfo(plan.timezone))
        out.print(f"  now   under way since {since:%a %d %b %Y %H:%M:%S %z}")
    last = told(plan.last, plan.timezone) if plan.last else "none yet"
    out.print(f"  last  {last}", markup=False, soft_wrap=True)
