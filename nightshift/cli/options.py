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
FalseAlarmsOption = Annotated[
    float | None,
    typer.Option("--false-alarms", help="Nights a year that may be called new by mistake."),
]
GateMarginOption = Annotated[
    float | None,
    typer.Option("--gate-margin", help="nDCG@10 that an expert must surely gain on its kind."),
]
GateToleranceOption = Annotated[
    float | None, typer.Option("--gate-tolerance", help="nDCG@10 that any other kind may lose.")
]
TrainMinutesOption = Annotated[
    float | None, typer.Option("--train-minutes", help="How long one night may train.")
]
MaxExpertsOption = Annotated[
    int | None, typer.Option("--max-experts", help="Experts that may be live at once.")
]
ExpertOption = Annotated[
    str | None,
    typer.Option(
        "--expert",
        help='How a new expert changes the encoder: "lora", "prefix", "mixlora"; or not: "head".',
    ),
]
RouterOption = Annotated[
    str | None,
    typer.Option(
        "--router", help='How kinds share a query: "softmax", "margin", "nearest", "top-k".'
    ),
]
ComposeOption = Annotated[
    str | None,
    typer.Option("--compose", help='"halves" or "blend": how experts on one route become one.'),
]
SideOption = Annotated[
    str | None,
    typer.Option("--side", help='"auto" also tries experts that re-encode their documents.'),
]
IndexOption = Annotated[
    str | None, typer.Option("--index", help='A FAISS index factory, such as "HNSW32".')
]
LexicalOption = Annotated[
    bool | None,
    typer.Option("--lexical/--no-lexical", help="Whether words find documents beside vectors."),
]
ApprovalOption = Annotated[
    str | None,
    typer.Option("--approval", help='"manual": a new expert waits for `nightshift approve`.'),
]
VersionOption = Annotated[
    int | None, typer.Option("--version", "-V", help="Ask an older version than the live one.")
]
DEFAULT_STORE = Path("store")
