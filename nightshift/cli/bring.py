"""`nightshift import`: anything that holds texts becomes a batch."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DebugOption, JsonOption
from nightshift.cli.output import out, plain
from nightshift.errors import UsageError

if TYPE_CHECKING:
    from flows.bring import Brought

SHOWN = 5
"""Places that were left out."""


def bring(
    source: Annotated[str, typer.Argument(help="A file, a folder, or an address (s3://, ...).")],
    to: Annotated[
        Path | None, typer.Option("--to", help="An inbox, or a folder not there yet.")
    ] = None,
    id_: Annotated[str | None, typer.Option("--id", help="The column with the ids.")] = None,
    title: Annotated[str | None, typer.Option("--title", help="The column of titles.")] = None,
    text: Annotated[
        list[str] | None, typer.Option("--text", help="The column of texts; may be given again.")
    ] = None,
    metadata: Annotated[
        list[str] | None, typer.Option("--metadata", help="A column to keep; may be given again.")
    ] = None,
    name: Annotated[str | None, typer.Option("--source", help="What the source is called.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Show columns and first documents, write nothing.")
    ] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Read tables, JSON lines, datasets, texts or PDF files; write a batch for `update`."""
    from flows.bring import bring as read
    from pipeline.wanted import Wanted

    if to is None and not dry_run:
        raise UsageError("a batch needs a place", hint=f"nightshift import {source} --to inbox")
    wanted = Wanted(id_, title, tuple(text or ()), tuple(metadata or ()))
    done = read(source, None if dry_run else to, wanted, name)
    if as_json:
        output.print_json(done.as_json())
    else:
        _tell(done)


def _tell(done: Brought) -> None:
    deleted = f", {done.deleted:,} deletions" if done.deleted else ""
    out.print(f"[bold]{done.documents:,} documents[/bold]{deleted}, source {plain(done.source)}")
    if done.columns:
        out.print(f"  columns    {plain(', '.join(done.columns), 200)}")
    if done.ids_made:
        out.print("  ids        made from the texts: no column was named, and none is called id")
    for document in done.first:
        title = f"[bold]{plain(document.title, 60)}[/bold] " if document.title else ""
        out.print(f"  {plain(document.id, 30)}  {title}[dim]{plain(document.text, 80)}[/dim]")
    for entry in done.left_out[:SHOWN]:
        out.print(f"  [red]left out[/red]   {plain(entry.where, 60)}: {plain(entry.reason)}")
    if len(done.left_out) > SHOWN:
        out.print(f"  [red]left out[/red]   and {len(done.left_out) - SHOWN:,} more")
    for name in done.beside:
        out.print(f"  with       {plain(name)}")
    if done.folder:
        place = plain(str(done.folder))
        out.print(f"  written    {place}; next: nightshift update {place}")
