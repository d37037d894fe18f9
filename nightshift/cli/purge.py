"""`nightshift purge`: erase a document from every version. The one thing that cannot be undone."""

from __future__ import annotations

from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DEFAULT_STORE, DebugOption, JsonOption, StoreOption
from nightshift.cli.output import err, out, plain
from nightshift.cli.record import tell_mlflow


def purge(
    name: Annotated[
        str, typer.Argument(metavar="[SOURCE] ID", help="The document; its source, if it has one.")
    ],
    second: Annotated[str | None, typer.Argument(metavar="", hidden=True)] = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Erase a document and all questions about it from every version, for good."""
    from flows.purge import purge as erase
    from flows.purge import traces
    from state.store import Store

    key = ("default", name) if second is None else (name, second)
    opened = Store.open(store)
    if not yes:
        found = traces(opened, key)
        titles = ", ".join(plain(title, 60) for title in found.titles if title)
        versions = ", ".join(map(str, found.versions)) or "none"
        err.print(f"[bold]{plain(key[1], 60)}[/bold] of source {plain(key[0], 60)}: {titles}")
        err.print(f"  will be erased from versions {versions}; no rollback brings it back")
        typer.confirm("Erase it?", abort=True, err=True)
    done = erase(opened, key)
    tell_mlflow(opened)
    if as_json:
        output.print_json(done.as_json())
        return
    for object_id in done.unread:
        err.print(f"objects/{object_id[:2]}/{object_id[2:]} is damaged and may still hold it")
    if done.unread:
        err.print(
            "  try: nightshift verify, and nightshift gc --keep N without the versions it names"
        )
    out.print(f"[bold]version {done.version}[/bold]: erased from {len(done.versions)} versions")
    out.print("  not erased: your own batch files, what experts and statistics learned from it,")
    out.print("  what history quotes of lines that were quarantined, and the journals that")
    out.print("  `nightshift serve --log` and `--clicks` wrote: delete or edit those yourself")
