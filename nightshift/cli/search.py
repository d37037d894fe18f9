"""`nightshift search`: ask the live version, or an older one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

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

if TYPE_CHECKING:
    from pipeline.fusion import Standing


def search(
    query: Annotated[str, typer.Argument(help="What to look for.")],
    k: Annotated[int, typer.Option("-k", min=1, max=1000, help="How many documents.")] = 10,
    leg: Annotated[
        Literal["dense", "lexical", "both"],
        typer.Option("--leg", help="Find by vectors, by words, or by both."),
    ] = "both",
    instruction: Annotated[
        str | None,
        typer.Option("--instruction", help="Which kind of text is meant, as batches label it."),
    ] = None,
    version: VersionOption = None,
    explain: Annotated[
        bool,
        typer.Option("--explain", help="Show the route, what led to it, and both legs of a hit."),
    ] = False,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Search by vectors and words; experts rewrite the query where its kind has one."""
    from nightshift.index import open_index

    with open_index(store, version=version) as index:
        answer = index.search(query, k=k, leg=leg, instruction=instruction)
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
        if answer.share is not None:
            out.print(f"[dim]  its words count {answer.share:.2f}, its vector the rest[/dim]")
    for hit in answer.hits:
        out.print(
            f"{hit.rank:>3}  {hit.score:.3f}  [bold]{plain(hit.title or hit.id, 70)}[/bold]"
            f"  [dim]{plain(hit.id, 50)}[/dim]"
        )
        out.print(f"            {plain(hit.text, 150)}")
        if reasons and hit.dense and hit.lexical:
            out.print(f"            [dim]{_legs(hit.dense, hit.lexical)}[/dim]")


def _legs(dense: Standing, lexical: Standing) -> str:
    """What each leg adds to a hit."""
    return f"vectors {_standing(dense)}; words {_standing(lexical)}"


def _standing(standing: Standing) -> str:
    if standing.rank is None:
        return f"not found, {standing.adds:+.3f}"
    return f"rank {standing.rank} with {standing.score:.3f}, {standing.adds:+.3f}"
