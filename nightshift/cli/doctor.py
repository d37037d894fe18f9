"""`nightshift doctor`: look at everything that nights depend on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.output import out, plain
from nightshift.errors import NightshiftError

if TYPE_CHECKING:
    from flows.checks.check import Check

MARKS = {"ok": "[green]ok[/green]      ", "warning": "[yellow]warning[/yellow] "}


def doctor(
    store: StoreOption = DEFAULT_STORE, as_json: JsonOption = False, debug: DebugOption = False
) -> None:
    """Look at libraries, store, encoder, MLflow and Prefect; say what to type to mend them."""
    checks = []
    for check in _look(store):
        checks.append(check)
        if not as_json:
            mark = MARKS.get(check.state, "[red]broken[/red]  ")
            out.print(f"{mark} {check.name}: {plain(check.told)}")
            if check.hint:
                out.print(f"         try: {plain(check.hint)}")
    if as_json:
        output.print_json([vars(check) for check in checks])
    broken = sum(check.state == "broken" for check in checks)
    if broken:
        raise NightshiftError(f"{broken} of {len(checks)} checks found something broken")


def _look(store: Path) -> Iterator[Check]:
    from flows.checks.libraries import libraries
    from flows.checks.record import record
    from flows.checks.schedule import schedule
    from flows.checks.store import store as look_at_store
    from nightshift.appliance.place import turn_to

    turn_to(store)
    yield from libraries()
    yield from look_at_store(store)
    yield from record(store)
    yield from schedule()
