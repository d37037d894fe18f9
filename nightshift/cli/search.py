"""`nightshift search`: ask the live version, or an older one."""

from __future__ import annotations

from typing import Annotated

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


def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many documents.")] = 10,
    version: VersionOption = None,
    explain: Annotated[
        bool, typer.Option("--explain", help="Show the route and what led to it.")
    ] = False,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Search the index; experts rewrite the query where its kind has one."""
    from nightshift.index import open_index

    with open_index(store, version=version) as index:
        answer = index.search(query, k=k)
        reasons = index.explain(query) if explain else None
    if as_json:
        page = answer.as_json()
        output.print_json({**page, "explain": reasons} if explain else page)
        return
    route = ", ".join(f"{name} {weight:.2f}" for name, weight in answer.route.items())
    out.print(f"[dim]version {answer.version}, route: {route}[/dim]")
    if reasons:
        for kind in reasons["kinds"]:
            out.print(
                f"[dim]  {kind['similarity']:.3f} to {plain(kind['name'])}, "
                f"served by {kind['expert'] or 'the frozen encoder'}[/dim]"
            )
        out.print(f"[dim]  below {reasons['floor']:.3f} no expert is asked[/dim]")
    for hit in answer.hits:
        out.print(
            f"{hit.rank:>3}  {hit.score:.3f}  [bold]{plain(hit.title or hit.id, 70)}[/bold]"
            f"  [dim]{plain(hit.id, 50)}[/dim]"
        )
        out.print(f"            {plain(hit.text, 150)}")
