"""`nightshift demo`: a handful of nights on texts that are on this machine already."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from nightshift.cli import output
from nightshift.cli.options import DebugOption, JsonOption


def demo(
    folder: Annotated[
        Path, typer.Option("--dir", help="A new folder for the demo's nights and its store.")
    ] = Path("nightshift-demo"),
    fresh: Annotated[
        bool, typer.Option("--fresh", help="Start over where an earlier demo lies.")
    ] = False,
    as_json: JsonOption = False,
    debug: DebugOption = False,
) -> None:
    """Live through four nights in a few minutes, on text that this machine has already."""
    with _told_on_stderr(as_json):
        with output.err.status("waking up"):
            from nightshift.demo.story import tell
        page = tell(folder, fresh=fresh)
    if as_json:
        output.print_json(page)


@contextmanager
def _told_on_stderr(wanted: bool) -> Iterator[None]:
    """With `--json`, stdout is for data alone."""
    out, err = output.out, output.err
    before = out.stderr, out.soft_wrap
    if wanted:
        out.stderr, out.soft_wrap = True, err.soft_wrap
    try:
        yield
    finally:
        out.stderr, out.soft_wrap = before
