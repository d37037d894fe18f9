"""The pictures of a version, as PNG bytes: what the layers saw, how the index grew, what the gate
measured. Figures are made without pyplot, which would keep them all and ask for a screen.
"""

from __future__ import annotations

import io
import math
from collections.abc import Mapping, Sequence

from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

INK, ACCENT, ALARM = "#33414e", "#2b7bba", "#c0392b"
MOST_TICKS = 15
READABLE_CELLS = 12
"""Columns of the gate's matrix up to which a number fits into each cell."""


def drift(layers: Sequence[int], shares: Sequence[float], threshold: float) -> bytes:
    """By layer: the share of the night's documents that lie beyond 95 % of the known ones."""
    figure = _figure(6.4, 3.8)
    axes = figure.add_subplot()
    colours = [ALARM if share > threshold else ACCENT for share in shares]
    axes.bar([str(layer) for layer in layers], shares, color=colours, width=0.6)
    axes.axhline(threshold, color=INK, linestyle="--", linewidth=1.2)
    axes.set_xlim(-1, len(shares))
    axes.set_ylim(0, max(1.15 * max(shares, default=0), 2.5 * threshold, 0.01))
    axes.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    axes.set_xlabel("layer of the frozen encoder")
    axes.set_ylabel("documents beyond the 95 % level")
    axes.set_title("What each layer saw", loc="left")
    axes.set_title(f"dashed: threshold {threshold:.0%}", loc="right", fontsize="medium", color=INK)
    return _png(figure)


def growth(versions: Sequence[int], documents: Sequence[int], experts: Sequence[int]) -> bytes:
    """Documents and experts by version, one above the other."""
    figure = _figure(6.4, 4.8)
    upper, lower = figure.subplots(2, 1, sharex=True)
    marker = "o" if len(versions) <= MOST_TICKS else None
    for axes, values, colour, name in (
        (upper, documents, ACCENT, "documents"),
        (lower, experts, ALARM, "experts"),
    ):
        axes.step(versions, values, where="mid", color=colour, marker=marker, linewidth=1.6)
        axes.fill_between(versions, values, step="mid", color=colour, alpha=0.15)
        axes.set_ylabel(name)
        axes.set_ylim(0, 1.15 * max([*values, 1]))
        axes.grid(axis="y", alpha=0.25)
        axes.yaxis.set_major_locator(MaxNLocator(5, integer=True, min_n_ticks=1))
    lower.set_xlim(min(versions) - 0.5, max(versions) + 0.5)
    lower.xaxis.set_major_locator(MaxNLocator(MOST_TICKS, integer=True, min_n_ticks=1))
    upper.yaxis.set_major_formatter(lambda value, _: f"{value:,.0f}")
    lower.set_xlabel("version")
    upper.set_title("Growth", loc="left")
    return _png(figure)


def gate(
    nights: Sequence[int], kinds: Mapping[str, str], gains: Mapping[tuple[str, int], float]
) -> bytes:
    """What the gate measured, by kind (id -> name) and night, in points of nDCG@10.

    A cell is empty where nothing was tried that night.
    """
    columns, rows = len(nights), len(kinds)
    figure = _figure(max(5.2, min(12.0, 2.8 + 0.7 * columns)), max(2.6, 1.7 + 0.5 * rows))
    axes = figure.add_subplot()
    matrix = [[100 * gains.get((kind, night), math.nan) for night in nights] for kind in kinds]
    limit = max([1.0, *(abs(100 * gain) for gain in gains.values())])
    image = axes.imshow(matrix, cmap="RdBu", vmin=-limit, vmax=limit, aspect="auto")
    if columns <= READABLE_CELLS:
        for row, values in enumerate(matrix):
            for column, value in enumerate(values):
                if not math.isnan(value):
                    ink = "white" if abs(value) > 0.6 * limit else INK
                    axes.text(column, row, f"{value:+.1f}", ha="center", va="center", color=ink)
    every = math.ceil(columns / MOST_TICKS)
    axes.set_xticks(range(0, columns, every), [str(night) for night in nights[::every]])
    axes.set_yticks(range(rows), [_short(f"{kind} {name}") for kind, name in kinds.items()])
    axes.set_xlabel("version")
    axes.set_title("Gate: change on held-out queries", loc="left")
    figure.colorbar(image, ax=axes, label="points of nDCG@10")
    return _png(figure)


def _figure(width: float, height: float) -> Figure:
    figure = Figure(figsize=(width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _short(name: str) -> str:
    """What fits beside the matrix, in letters that every machine's font has."""
    name = name if name.isascii() else name.split()[0]
    return name if len(name) <= 28 else name[:27] + "…"


def _png(figure: Figure) -> bytes:
    """The same figure is the same bytes: no date, no version of matplotlib."""
    for axes in figure.axes:
        axes.spines[["top", "right"]].set_visible(False)
    page = io.BytesIO()
    figure.savefig(page, format="png", metadata={"Software": None})
    return page.getvalue()
