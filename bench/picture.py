"""A terminal's output as a picture for the README.

script -qec "nightshift demo --fresh" /dev/null | python -m bench.picture docs/demo.svg
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path

from rich.console import Console
from rich.text import Text

WIDTH = 100
NOT_COLOUR = re.compile(r"\x1b\[[0-9;?]*[A-LN-Za-ln-z]|\x1b\][^\x07]*\x07")


PASSING = re.compile(r"━|[⠀-⣿]")


def lasting(printed: str) -> list[str]:
    """The lines that stayed on the screen, with their colours: bars and spinners pass."""
    lines = [line.rstrip("\r").rsplit("\r", 1)[-1] for line in printed.split("\n")]
    kept = [NOT_COLOUR.sub("", line) for line in lines if not PASSING.search(line)]
    return [line for line, before in zip(kept, ["", *kept], strict=False) if line or before]


def picture(printed: str, title: str) -> str:
    """An SVG of what stayed on the screen."""
    kept = lasting(printed)
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi("\n".join(kept)))
    return console.export_svg(title=title)


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(picture(sys.stdin.read(), "make demo"), "utf-8")
