"""`nightshift evaluate`: judged queries against the index."""

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
from nightshift.cli.output import out

LEGS = {"dense": "vectors", "lexical": "words", "both": "vectors and words"}


def evaluate(
    folder: Annotated[Path, typer.Argument(help="queries.jsonl and qrels/ in BEIR layout.")],
    split: Annotated[str, typer.Option("--split", help="Which qrels to read.")] = "test",
    version: VersionOption = None,
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Ask the same index with the encoder alone.")
    ] = False,
    leg: Annotated[
        Literal["dense", "lexical", "both"] | None,
        typer.Option(
            "--leg", help="Find by vectors, by words, or by both; as served, or dense if --frozen."
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """nDCG@10, R@100 and MRR@10 with 95 % bootstrap intervals over the live index."""
    from flows.evaluate import evaluate as measure
    from flows.live import open_live
    from state.store import Store

    with open_live(Store.open(store), version) as live, output.progress() as progress:
        measured = measure(live, folder, split=split, frozen=frozen, leg=leg, progress=progress)
    if as_json:
        output.print_json(measured.as_json())
        return
    out.print(
        f"version {measured.version}, {LEGS[measured.leg]}, {measured.queries} queries "
        f"({measured.dropped} dropped: no document of theirs is here), "
        f"{measured.documents:,} documents"
    )
    for name, value in measured.metrics.items():
        low, high = measured.intervals[name]
        out.print(f"  {name:<8} {value:.4f}  [dim]95 % interval {low:.4f} to {high:.4f}[/dim]")
    routes = ", ".join(f"{name} {count}" for name, count in measured.routes.items())
    out.print(f"  [dim]routes: {routes}[/dim]")
