"""`nightshift bench`: what nightshift reaches on a stream of nights, beside other ways."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DebugOption
from nightshift.errors import UsageError

app = typer.Typer(help="Measure nightshift beside other ways of doing it.", no_args_is_help=True)


@app.command("quality")
def quality(
    data: Annotated[
        Path,
        typer.Option(
            "--data",
            help="A folder of domains in BEIR layout: corpus.jsonl, queries.jsonl and"
            " qrels/{train,test,test_seen}.tsv in each.",
        ),
    ],
    stream: Annotated[Path, typer.Option("--stream", help="What arrives on which night, as JSON.")],
    profile: Annotated[
        str, typer.Option("--profile", help="How much is measured: small, standard or full.")
    ] = "standard",
    systems: Annotated[
        str, typer.Option("--systems", help="Only these, with commas between; the floor besides.")
    ] = "",
    seeds: Annotated[
        int | None, typer.Option("--seeds", help="For every system that is not the floor.")
    ] = None,
    folder: Annotated[
        Path,
        typer.Option("--out", help="For results, cells and work; a stopped run goes on there."),
    ] = Path("quality"),
    encoder: Annotated[
        str | None,
        typer.Option("--encoder", help="A folder or a hub id, else all-MiniLM-L6-v2."),
    ] = None,
    debug: DebugOption = False,
) -> None:
    """Every system through the same nights: what is found after each of them, and what it cost.

    small, standard and full differ in systems, seeds and share of documents. All cells of a folder
    count, whichever call measured them; OUT/work may be deleted when all are there.
    """
    if not data.is_dir():
        raise UsageError(
            f"{data} is no folder of domains", hint="--data DIR, with a domain a folder"
        )
    if not stream.is_file():
        raise UsageError(f"there is no stream at {stream}", hint="--stream FILE, as JSON")
    from bench.quality.collect import RESULTS, collect
    from bench.quality.detection import compare_detectors
    from bench.quality.profiles import profile_of
    from bench.quality.report.folder import write_report
    from bench.quality.run import measure, prepare
    from bench.quality.stream import read_stream

    wanted = [name.strip() for name in systems.split(",") if name.strip()]
    chosen = profile_of(profile, wanted, seeds)
    run = prepare(data, read_stream(stream), chosen, folder, encoder)
    measure(run, lambda line: output.err.print(output.plain(line)))
    if chosen.detectors:
        compare_detectors(run)
    collect(run)
    write_report(folder)
    output.out.print(output.plain(str(folder / RESULTS)))
