"""The plots of points and lines: words for quality, gains, growth, cost.

A plot is None where the results hold nothing for it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullFormatter

from bench.quality import counted, summary
from bench.quality.goals import DENSE, FUSION, LEXICAL, OURS
from bench.quality.report.drawing import (
    BLUE,
    FAINT,
    GREEN,
    GREY,
    INK,
    ORANGE,
    PAPER,
    bare,
    figure,
    short,
)
from bench.quality.resampling import Estimate
from bench.quality.summary import FROZEN, Evidence

LINES = (BLUE, ORANGE, GREEN, INK, GREY)
MARKS = ("o", "s", "^", "D", "v", "P", "X")


def words(evidence: Evidence) -> Figure | None:
    """AP, BWT and FWT of every system with intervals; full marks: `test`, hollow: `test_seen`."""
    names = [one for one in evidence.results.systems if summary.average(evidence, one)]
    if not names:
        return None
    drawn = figure(9.6, 1.3 + 0.42 * len(names))
    panels = drawn.subplots(1, 3, sharey=True)
    measures = (
        ("AP", summary.average),
        ("BWT against frozen", summary.backward),
        ("FWT", summary.forward),
    )
    for axes, (title, measure) in zip(panels, measures, strict=True):
        for place, name in enumerate(names):
            colour = BLUE if name.startswith(OURS) else GREY
            _interval(axes, measure(evidence, name, "test"), place - 0.13, colour, full=True)
            _interval(axes, measure(evidence, name, "test_seen"), place + 0.17, colour, full=False)
        axes.set_title(title)
        axes.set_xlabel("points of nDCG@10")
        axes.grid(axis="x", color=FAINT, alpha=0.35)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.tick_params(axis="y", length=0)
        bare(axes)
    panels[1].axvline(0, color=INK, linewidth=1)
    panels[0].set_yticks(range(len(names)), [short(one) for one in names])
    panels[0].set_ylim(len(names) - 0.5, -0.5)
    _key(drawn)
    return drawn


def _interval(
    axes: Axes, found: Estimate | None, height: float, colour: str, *, full: bool, mark: str = "o"
) -> None:
    if found is None:
        return
    axes.plot([100 * found.low, 100 * found.high], [height] * 2, color=colour, linewidth=1.6)
    face = colour if full else PAPER
    axes.plot(100 * found.value, height, mark, color=colour, markerfacecolor=face, markersize=5.5)


def _key(drawn: Figure) -> None:
    axes = drawn.axes[0]
    marks = [
        axes.plot([], [], "o", color=INK, markerfacecolor=face, label=split)[0]
        for face, split in ((INK, "test"), (PAPER, "test_seen"))
    ]
    drawn.legend(handles=marks, loc="outside lower right", ncols=2, frameon=False)


def domain_gains(evidence: Evidence, split: str = "test") -> Figure | None:
    """On each domain: the gain over the frozen encoder, with intervals."""
    shown = [one for one in (OURS, DENSE, FUSION, LEXICAL) if one in evidence.results.systems]
    shown = shown or [one for one in evidence.results.systems if one != FROZEN]
    found = {one: summary.gains(evidence, one, FROZEN, split) for one in shown}
    names = [
        one for one in evidence.results.domains if any(one in gains for gains in found.values())
    ]
    if not names:
        return None
    drawn = figure(7.6, 1.5 + (0.22 + 0.16 * len(shown)) * len(names))
    axes = drawn.add_subplot()
    step = 0.72 / max(len(shown) - 1, 1) if len(shown) > 1 else 0.0
    for place, system in enumerate(shown):
        colour, mark = LINES[place % len(LINES)], MARKS[place % len(MARKS)]
        for row, name in enumerate(names):
            height = row - 0.36 * (len(shown) > 1) + place * step
            _interval(axes, found[system].get(name), height, colour, full=True, mark=mark)
        axes.plot([], [], mark, color=colour, label=short(system))
    for row in range(1, len(names)):
        axes.axhline(row - 0.5, color=FAINT, linewidth=0.5, alpha=0.6)
    axes.axvline(0, color=INK, linewidth=1)
    axes.set_yticks(range(len(names)), [short(one) for one in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=FAINT, alpha=0.35)
    axes.set_xlabel("points of nDCG@10 over the frozen encoder")
    axes.set_title(f"Gain by domain, {split}")
    bare(axes)
    drawn.legend(loc="outside lower center", ncols=min(len(shown), 4), frameon=False)
    return drawn


def growth(evidence: Evidence) -> Figure | None:
    """Experts after each night, and the parameters that all of them hold in the end."""
    systems = evidence.results.systems
    growing = [
        name for name, one in systems.items() if any(map(any, (one.get("experts") or {}).values()))
    ]
    shares = {name: counted.parameter_share(one) for name, one in systems.items()}
    held = {name: 100 * share for name, share in shares.items() if share}
    if not growing and not held:
        return None
    drawn = figure(9.6, max(3.2, 1.6 + 0.32 * len(held)))
    left, right = drawn.subplots(1, 2, width_ratios=(1.25, 1))
    nights = evidence.results.nights
    for place, (curve, names) in enumerate(_curves(evidence, growing).items()):
        colour, mark = LINES[place % len(LINES)], MARKS[place % len(MARKS)]
        at, mean = zip(*curve, strict=True)
        left.plot(at, mean, marker=mark, color=colour, label="\n".join(names), markersize=4.5)
    left.set_xticks(range(len(nights)), [one[:4] for one in nights], rotation=45)
    left.yaxis.set_major_locator(MaxNLocator(6, integer=True, min_n_ticks=1))
    left.set_ylim(bottom=-0.3)
    left.set_title("Experts after each night, mean over seeds")
    left.grid(axis="y", color=FAINT, alpha=0.35)
    if growing:
        left.legend(frameon=False, fontsize=8.5)
    names = list(held)
    colours = [BLUE if one.startswith(OURS) else GREY for one in names]
    right.barh(range(len(names)), [held[one] for one in names], color=colours, height=0.6)
    right.set_yticks(range(len(names)), [short(one) for one in names])
    right.invert_yaxis()
    right.set_xlim(0, 1.15 * max(held.values(), default=1))
    for row, one in enumerate(names):
        right.text(held[one], row, f" {held[one]:.1f}", va="center", fontsize=8.5)
    right.set_xlabel("% of the encoder's parameters")
    right.set_title("Parameters of all experts")
    for axes in (left, right):
        bare(axes)
    return drawn


def _curves(
    evidence: Evidence, names: Sequence[str]
) -> dict[tuple[tuple[int, float], ...], list[str]]:
    """Each curve of experts by night, and all systems that follow it."""
    curves: dict[tuple[tuple[int, float], ...], list[str]] = {}
    for name in names:
        counts = evidence.results.systems[name]["experts"]
        curve = tuple(
            (place, float(np.mean(counts[night])))
            for place, night in enumerate(evidence.results.nights)
            if counts.get(night)
        )
        curves.setdefault(curve, []).append(short(name))
    return curves


def cost(evidence: Evidence) -> Figure | None:
    """CPU seconds of all nights against AP; names stand in a column, in the order of AP."""
    systems = evidence.results.systems
    found = {
        name: (counted.cost(one), summary.average(evidence, name)) for name, one in systems.items()
    }
    there = [
        (name, max(seconds, 1.0), 100 * average.value)
        for name, (seconds, average) in found.items()
        if seconds is not None and average is not None
    ]
    if not there:
        return None
    there.sort(key=lambda one: -one[2])
    drawn = figure(7.8, max(3.4, 1.4 + 0.27 * len(there)))
    axes = drawn.add_subplot()
    for name, seconds, value in there:
        axes.plot(seconds, value, "o", color=BLUE if name.startswith(OURS) else GREY, markersize=6)
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:,.0f}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xlabel("CPU seconds of all nights (search apart, logarithmic)")
    axes.set_ylabel("AP on test, points")
    axes.set_title("Cost against quality")
    axes.grid(color=FAINT, alpha=0.35)
    axes.margins(x=0.12, y=0.08)
    bare(axes)
    _named_beside(axes, there)
    return drawn


def _named_beside(axes: Axes, there: Sequence[tuple[str, float, float]]) -> None:
    """Each point's name right of the plot, evenly spaced, with a thin line to the point."""
    heights = np.linspace(0.98, 0.02, len(there)) if len(there) > 1 else [0.5]
    for (name, seconds, value), height in zip(there, heights, strict=True):
        axes.annotate(
            f"{short(name)}  {value:.1f}",
            xy=(seconds, value),
            xytext=(1.05, float(height)),
            textcoords="axes fraction",
            va="center",
            fontsize=8.5,
            arrowprops={"arrowstyle": "-", "color": FAINT, "linewidth": 0.7, "relpos": (0, 0.5)},
        )
