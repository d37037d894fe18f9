"""The report of a run, written beside its results."""

from __future__ import annotations

from pathlib import Path

from bench.quality.report.html import page
from bench.quality.report.markdown import report
from bench.quality.results import read
from bench.quality.summary import Evidence

MARKDOWN, HTML = "report.md", "report.html"


def write_report(folder: Path) -> tuple[Path, Path]:
    """report.md and report.html of the results in a folder."""
    evidence = Evidence(read(folder))
    (folder / MARKDOWN).write_text(report(evidence), "utf-8")
    (folder / HTML).write_text(page(evidence), "utf-8")
    return folder / MARKDOWN, folder / HTML
