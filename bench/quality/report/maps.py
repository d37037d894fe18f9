"""The plots that are matrices: gains by domain and night, drift by layer and night, routes.

A plot is None where the results hold nothing for it.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.collections import QuadMesh
from matplotlib.colors import TwoSlopeNorm
from matplotlib.figure import Figure

from bench.quality.goals import OURS
from bench.quality.report.drawing import GREY, bare, figure, short
from bench.quality.resampling import Floats
from bench.quality.summary import BOOTSTRAP, FROZEN, Evidence, domains

DIVERGING, RISING = "RdBu", "cividis_r"
LEAST_LIMIT = 1.0
"""Points: below it colours would make noise look like a finding."""


def matrix(evidence: Evidence, system: str) -> Figure | None:
    """P[t][d] of a system minus the frozen encoder's, in points: blue gains, red loses."""
    names, nights = domains(evidence, "test"), evidence.results.nights
    cells = np.array(
        [[_gain(evidence, system, night, name) for night in nights] for name in names]
    ).reshape(len(names), len(nights))
    measured = ~np.isnan(cells).all(axis=0)
    if not measured.any():
        return None
    cells, shown = (
        cells[:, measured],
        [n for n, there in zip(nights, measured, strict=True) if there],
    )
    limit = max(LEAST_LIMIT, float(np.nanmax(np.abs(cells))))
    drawn = figure(2.6 + 0.62 * max(len(shown), 4), 1.3 + 0.38 * len(names))
    axes = drawn.add_subplot()
    mesh = _cells(axes, cells, names, shown)
    mesh.set(cmap=DIVERGING, norm=TwoSlopeNorm(0, -limit, limit))
    _numbers(axes, cells, "{:+.1f}")
    bar = drawn.colorbar(mesh, ax=axes, label="points of nDCG@10", pad=0.02)
    bar.outline.set_visible(False)
    axes.set_title(f"{short(system)} minus {FROZEN}, test")
    return drawn


def _gain(evidence: Evidence, system: str, night: str, domain: str) -> float:
    ours = evidence.draws.cell(system, night, domain, "test")
    frozen = evidence.draws.cell(FROZEN, night, domain, "test")
    return math.nan if ours is None or frozen is None else 100 * float(ours[0] - frozen[0])


def drift(evidence: Evidence, system: str = OURS) -> Figure | None:
    """By layer and night: the share of documents beyond what is usual for known text."""
    page = evidence.results.systems.get(system, {})
    told = page.get("drift") or {}
    nights = [night for night in evidence.results.nights if told.get(night)]
    if not nights:
        return None
    depth = max(len(told[night]) for night in nights)
    layers = [str(layer) for layer in page.get("layers") or range(depth)]
    cells = np.full((depth, len(nights)), np.nan)
    for column, night in enumerate(nights):
        cells[: len(told[night]), column] = [100 * share for share in told[night]]
    drawn = figure(2.4 + 0.62 * max(len(nights), 4), 1.4 + 0.34 * depth)
    axes = drawn.add_subplot()
    mesh = _cells(axes, cells, layers, nights)
    mesh.set(cmap=RISING, clim=(0, 100))
    _numbers(axes, cells, "{:.0f}")
    bar = drawn.colorbar(mesh, ax=axes, label="% of the night's documents", pad=0.02)
    bar.outline.set_visible(False)
    axes.set_ylabel("layer")
    axes.invert_yaxis()
    axes.set_title("Drift: documents unlike known text")
    return drawn


def routes(evidence: Evidence, system: str = OURS) -> Figure | None:
    """Which expert answered which domain: in how many seeds."""
    served = evidence.results.systems.get(system, {}).get("served") or {}
    names = [name for name in evidence.results.domains if served.get(name)]
    if not names:
        return None
    tally = {name: Counter(served[name]) for name in names}
    experts = sorted({one for counts in tally.values() for one in counts} - {FROZEN})
    columns = [FROZEN, *experts]
    seeds = max(sum(counts.values()) for counts in tally.values())
    cells = np.array([[tally[name][one] or math.nan for one in columns] for name in names])
    drawn = figure(2.4 + 0.75 * max(len(columns), 4), 1.3 + 0.36 * len(names))
    axes = drawn.add_subplot()
    mesh = _cells(axes, cells, names, columns)
    mesh.set(cmap=RISING, clim=(0, seeds))
    _numbers(axes, cells, "{:.0f}")
    axes.set_title(f"Who answers: seeds, of {seeds}")
    return drawn


def _cells(axes: Axes, cells: Floats, rows: Sequence[str], columns: Sequence[str]) -> QuadMesh:
    """Cells with names on both sides; nothing is drawn where there is no value."""
    mesh = axes.pcolormesh(np.ma.masked_invalid(cells), linewidth=1, edgecolor="none")
    there = ~np.isnan(cells)
    for row, column in np.argwhere(~there):
        axes.text(column + 0.5, row + 0.5, "·", ha="center", va="center", color=GREY)
    named = [BOOTSTRAP[:4] if one == BOOTSTRAP else short(one) for one in columns]
    long = max(map(len, named)) > 6
    axes.set_xticks(
        np.arange(len(columns)) + 0.5,
        named,
        rotation=40 if long else 0,
        ha="right" if long else "center",
        rotation_mode="anchor" if long else None,
    )
    axes.set_yticks(np.arange(len(rows)) + 0.5, [short(row) for row in rows])
    axes.invert_yaxis()
    axes.tick_params(length=0)
    bare(axes)
    axes.spines[:].set_visible(False)
    return mesh


def _numbers(axes: Axes, cells: Floats, form: str) -> None:
    """The figure in each cell, in black or white, whichever stands out from its colour."""
    mesh = axes.collections[0]
    colours = mesh.to_rgba(np.ma.masked_invalid(cells))
    for row, column in np.argwhere(~np.isnan(cells)):
        red, green, blue, _ = colours[row, column]
        ink = "#111111" if 0.3 * red + 0.59 * green + 0.11 * blue > 0.52 else "#ffffff"
        said = form.format(cells[row, column])
        axes.text(column + 0.5, row + 0.5, said, ha="center", va="center", color=ink, fontsize=8.5)
