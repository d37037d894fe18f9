"""`nightshift export`: a version in the formats of other libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from nightshift.cli import output
from nightshift.cli.options import (
    DEFAULT_STORE,
    DebugOption,
    JsonOption,
    StoreOption,
    VersionOption,
)
from nightshift.cli.output import out, plain


def export(
    format: Annotated[
        Literal["sentence-transformers", "peft", "vectors", "faiss"],
        typer.Argument(help="What the folder is to be."),
    ],
    folder: Annotated[Path, typer.Option("--out", help="A folder that is not there yet.")],
    expert: Annotated[
        str | None, typer.Option("--expert", help="Merge this expert, or write it alone.")
    ] = None,
    version: VersionOption = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Write a version as sentence-transformers, peft, parquet or FAISS files, with a README."""
    from flows.live import open_live
    from nightshift.exports.formats import export as write
    from state.store import Store

    with open_live(Store.open(store), version) as live:
        done = write(live, format, folder, expert)
    if as_json:
        output.print_json(done.as_json())
        return
    out.print(f"[bold]{plain(str(folder))}[/bold]: version {done.version}, {plain(done.line)}")
    for name, size in done.files.items():
        out.print(f"  {output.size(size):>9}  {plain(name)}")
    out.print("  README.md says what it computes and how to load it")
