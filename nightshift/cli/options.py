"""Options that every command shares."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nightshift.cli import output

StoreOption = Annotated[
    Path,
    typer.Option("--store", envvar="NIGHTSHIFT_STORE", help="Where the store lies."),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print JSON to stdout; everything else goes to stderr.")
]
DebugOption = Annotated[
    bool,
    typer.Option(
        "--debug", help="Show a traceback when something fails.", callback=output.set_debug
    ),
]
VersionOption = Annotated[
    int | None, typer.Option("--version", "-V", help="Ask an older version than the live one.")
]
DEFAULT_STORE = Path("store")
