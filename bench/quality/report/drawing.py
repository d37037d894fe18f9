"""Figures without pyplot, and their SVG in a form that a page can hold.

Ink is a colour of the page, so a plot is readable in light and dark; text stays text. The colours
of data can be told apart by colour-blind readers (Okabe and Ito's palette).
"""

from __future__ import annotations

import io
import re
from typing import Any

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

INK, FAINT, PAPER = "#33414e", "#9aa5b1", "#fefefe"
BLUE, ORANGE, GREEN, PURPLE, GREY = "#0072b2", "#d55e00", "#009e73", "#aa6699", "#7f8c99"
SETTINGS: Any = {
    "text.parse_math": False,
    "svg.fonttype": "none",
    "font.size": 10,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.titlecolor": INK,
    "axes.edgecolor": FAINT,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.titlelocation": "left",
}
"""Of every figure; Any, for the names of all settings are a type of their own."""
LONGEST = 24


def figure(width: float, height: float) -> Figure:
    """An empty figure on clear ground."""
    drawn = Figure(figsize=(width, height), dpi=110, layout="constrained", facecolor="none")
    FigureCanvasAgg(drawn)
    return drawn


def bare(axes: Axes) -> None:
    """No frame but the lines that are read."""
    axes.set_facecolor("none")
    axes.spines[["top", "right"]].set_visible(False)


def short(name: str) -> str:
    """What fits beside a plot.

    >>> short("a-name-that-nobody-would-call-short")
    'a-name-that-nobody-woul…'
    """
    return name if len(name) <= LONGEST else name[: LONGEST - 1] + "…"


def png(drawn: Figure) -> bytes:
    """For looking at a plot alone, on white."""
    page = io.BytesIO()
    drawn.savefig(page, format="png", facecolor="white")
    return page.getvalue()


def svg(drawn: Figure, name: str, told: str) -> str:
    """One <svg> element: no prologue, ids that no other plot of the page has, ink as a variable."""
    page = io.StringIO()
    nothing = dict.fromkeys(("Date", "Creator", "Format", "Type"))
    with rc_context({**SETTINGS, "svg.hashsalt": name}):
        drawn.savefig(page, format="svg", metadata=nothing)
    element = page.getvalue()
    element = element[element.index("<svg") :]
    element = re.sub(r' xmlns(:xlink)?="[^"]*"', "", element)
    element = re.sub(r'((?:xlink:)?href="#|url\(#|\bid=")', rf"\g<1>{name}-", element)
    element = element.replace("xlink:href", "href")
    element = re.sub(r'(<svg\b[^>]*?) width="[^"]*"', r"\1", element, count=1)
    element = re.sub(r'(<svg\b[^>]*?) height="[^"]*"', r"\1", element, count=1)
    for colour, variable in ((INK, "ink"), (FAINT, "faint"), (PAPER, "paper"), (BLUE, "blue")):
        element = element.replace(colour, f"var(--{variable})")
    return element.replace("<svg", f'<svg role="img" aria-label="{told}"', 1)
