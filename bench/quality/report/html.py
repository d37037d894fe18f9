"""report.html: one file that needs nothing else, in light and dark, on a desk and on a phone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from html import escape

from matplotlib import rc_context
from matplotlib.figure import Figure

from bench.quality.goals import DENSE, OURS
from bench.quality.report import maps, plots
from bench.quality.report.drawing import SETTINGS, svg
from bench.quality.report.markdown import headline
from bench.quality.report.table import Table
from bench.quality.report.tables import tables
from bench.quality.results import SPLITS
from bench.quality.summary import FROZEN, Evidence

TITLE = "Quality on a stream of nights"
STYLE = """
:root { color-scheme: light dark; --ink: #33414e; --faint: #9aa5b1; --paper: #fefefe;
        --blue: #0072b2; --good: #00664a; --bad: #a84300; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #d9dfe5; --faint: #66717d; --paper: #16191d;
          --blue: #4aa8e0; --good: #4ccca4; --bad: #ff9a57; } }
body { margin: 0 auto; padding: 1rem; max-width: 70rem; background: var(--paper);
       color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; }
h1, h2 { line-height: 1.2; }
h2 { margin-top: 2.5rem; }
figure { margin: 1rem 0; }
.wide { overflow-x: auto; }
.wide svg { display: block; width: 100%; min-width: 38rem; max-width: 62rem; height: auto; }
svg text { font-family: system-ui, sans-serif !important; }
figcaption { font-size: .9rem; opacity: .85; }
table { border-collapse: collapse; font-size: .9rem; font-variant-numeric: tabular-nums; }
th, td { padding: .3rem .7rem .3rem 0; text-align: left; vertical-align: top; white-space: nowrap;
         border-bottom: 1px solid var(--faint); }
td:first-child { font-weight: 600; }
.prose td { white-space: normal; }
.met { color: var(--good); } .missed { color: var(--bad); font-weight: 600; }
"""
PROSE = {"Goals", "What was run", "How it was made"}
"""Tables of sentences: they wrap, the others scroll."""


def page(evidence: Evidence) -> str:
    """The whole file."""
    parts = [
        f"<h1>{TITLE}</h1>",
        f"<p>{_inline(headline(evidence))}</p>",
        *(_figure(*one) for one in drawn(evidence)),
        *map(_table, tables(evidence)),
    ]
    return (
        '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{TITLE}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
        + "\n".join(parts)
        + "\n</body>\n</html>\n"
    )


def drawn(evidence: Evidence) -> list[tuple[str, Figure, str]]:
    """Every plot that has something to show: its name, itself, and what it says."""
    with rc_context(SETTINGS):
        return [(name, plot, told) for name, plot, told in _plots(evidence) if plot is not None]


def _plots(evidence: Evidence) -> Iterator[tuple[str, Figure | None, str]]:
    yield (
        "words",
        plots.words(evidence),
        "AP, BWT and FWT of every system with 95 % intervals. Full marks are test, hollow ones"
        " test_seen. Axes do not start at zero.",
    )
    for split in SPLITS:
        told = f"Gain over the frozen encoder on each domain, {split}, with 95 % intervals."
        yield f"gains-{split}", plots.domain_gains(evidence, split), told
    for place, system in enumerate(_of_interest(evidence)):
        told = (
            f"{system} minus the frozen encoder after each night on each domain, in points of"
            " nDCG@10. Blue gains, red loses; a dot: not there yet, or not measured."
        )
        yield f"matrix-{place}", maps.matrix(evidence, system), told
    yield (
        "growth",
        plots.growth(evidence),
        "Experts after each night, and the parameters of all experts after the last one.",
    )
    yield (
        "drift",
        maps.drift(evidence),
        "By layer and night: the share of the night's documents that are unlike known text.",
    )
    yield "cost", plots.cost(evidence), "CPU seconds of all nights against AP on test."
    yield (
        "routes",
        maps.routes(evidence),
        "Which expert answered which domain after the last night.",
    )


def _of_interest(evidence: Evidence) -> list[str]:
    """Ours as shipped and dense alone where they were run, else whatever was."""
    there = [one for one in evidence.results.systems if one != FROZEN]
    return [one for one in (OURS, DENSE) if one in there] or there[:2]


def _figure(name: str, plot: Figure, told: str) -> str:
    caption = escape(told)
    return (
        f'<figure id="{name}"><div class="wide">{svg(plot, name, caption)}</div>'
        f"<figcaption>{caption}</figcaption></figure>"
    )


def _inline(text: str) -> str:
    """Escaped, with `code` as code."""
    return re.sub(r"`([^`]*)`", r"<code>\1</code>", escape(text))


def _table(table: Table) -> str:
    prose = " prose" if table.title in PROSE else ""
    head = "".join(f"<th>{_inline(one)}</th>" for one in table.head)
    rows = "\n".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in table.rows)
    about = f"<p>{_inline(table.about)}</p>" if table.about else ""
    return (
        f'<h2>{_inline(table.title)}</h2>{about}<div class="wide{prose}"><table><thead><tr>{head}'
        f"</tr></thead><tbody>\n{rows}\n</tbody></table></div>"
    )


def _cell(text: str) -> str:
    mood = {"met": ' class="met"', "not met": ' class="missed"'}.get(text, "")
    return f"<td{mood}>{escape(text)}</td>"
