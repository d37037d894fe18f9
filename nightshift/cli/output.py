"""What a person sees: data on stdout, all else on stderr, progress on whatever takes long."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from nightshift.errors import printable
from pipeline.progress import Progress as Report

# Lines are wrapped for a person only; a file or a pipe gets them whole.
out = Console(highlight=False, soft_wrap=not sys.stdout.isatty())
err = Console(stderr=True, highlight=False, soft_wrap=not sys.stderr.isatty())
SECONDS_BETWEEN_LINES = 10.0
debugging = False


def set_debug(value: bool) -> bool:
    """Remember that the user wants tracebacks."""
    global debugging
    debugging = debugging or value
    return value


def print_json(page: Any) -> None:
    """One JSON value, on stdout."""
    sys.stdout.write(json.dumps(page, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def plain(text: str, width: int = 0) -> str:
    """Text from a document, safe to show: one line, no control characters, no markup.

    >>> plain("a\\x1b[31m red\\n[bold]line")
    'a [31m red \\\\[bold]line'
    """
    shown = " ".join(printable(text).split())
    if width and len(shown) > width:
        shown = shown[: width - 1] + "…"
    return escape(shown)


def size(count: int) -> str:
    """Bytes for people.

    >>> size(999), size(12_345_678)
    ('999 B', '12.3 MB')
    """
    shown, unit = float(count), "B"
    for larger in ("kB", "MB", "GB", "TB"):
        if shown < 1000:
            break
        shown, unit = shown / 1000, larger
    return f"{count} B" if unit == "B" else f"{shown:.1f} {unit}"


@contextmanager
def progress() -> Iterator[Report]:
    """A bar on a terminal; elsewhere a line now and then."""
    if err.is_terminal:
        with Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TimeRemainingColumn(),
            console=err,
            transient=True,
        ) as bars:
            tasks: dict[str, Any] = {}
            between = bars.add_task("at work", total=None)

            def report(what: str, done: int, total: int) -> None:
                if what not in tasks:
                    tasks[what] = bars.add_task(what, total=total)
                bars.update(tasks[what], completed=done, total=total, visible=done < total)
                bars.update(between, visible=done >= total)

            yield report
    else:
        last = time.monotonic()

        def tell(what: str, done: int, total: int) -> None:
            nonlocal last
            if time.monotonic() - last > SECONDS_BETWEEN_LINES:
                last = time.monotonic()
                err.print(f"{what}: {done} of {total}")

        yield tell


def chart(values: list[int], height: int = 5) -> list[str]:
    """A small column chart.

    >>> print("\\n".join(chart([0, 1, 2], height=2)))
    2 ┤  █
      ┤ ██
    """
    top = max([*values, 1])
    label = len(str(top))
    lines = []
    for level in range(height, 0, -1):
        bars = "".join("█" if value * height >= level * top and value else " " for value in values)
        lines.append(f"{top if level == height else '':>{label}} ┤{bars}")
    return lines
