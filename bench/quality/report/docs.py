"""docs/results.md and the README's short table, written from a folder of results.

The short table stands between OPENING and CLOSING. `matches` writes both again and compares, so a
figure in the docs is what the results say or a test fails.
"""

from __future__ import annotations

from pathlib import Path

from bench.quality import counted, summary
from bench.quality.figures import NONE, level, percent, points
from bench.quality.goals import CEILINGS, CONTINUAL, DENSE, FUSION, LEXICAL, OURS, SHARES
from bench.quality.report.markdown import headline, markdown
from bench.quality.report.table import Table
from bench.quality.report.tables import tables
from bench.quality.results import PAGE, read
from bench.quality.summary import FROZEN, Evidence
from nightshift.errors import NightshiftError

ROOT = Path(__file__).parents[3]
RESULTS, README = Path("docs/results.md"), Path("README.md")
KEPT = Path("bench/results/quality")
OPENING, CLOSING = "<!-- results -->", "<!-- /results -->"
NO_RESULT = "No run has been kept yet, so there is no figure here."
SHORT = (FROZEN, LEXICAL, FUSION, SHARES, OURS, DENSE, *CONTINUAL, *CEILINGS)
WRITE = "python -m bench.quality.report DIR --docs"


def short_table(evidence: Evidence) -> str:
    """The README's table: floors, ours, baselines, ceilings, in this order; and what made it."""
    rows = [
        (
            system,
            level(summary.average(evidence, system)),
            level(summary.average(evidence, system, "test_seen")),
            NONE if system == FROZEN else points(summary.gain(evidence, system, FROZEN)),
            points(summary.backward(evidence, system)),
            percent(counted.parameter_share(evidence.results.systems[system])),
        )
        for system in SHORT
        if system in evidence.results.systems
    ]
    head = ("system", "AP `test`", "AP `test_seen`", "over frozen (95 %)", "BWT", "parameters")
    table = markdown(Table("", "", head, tuple(rows))).split("\n", 2)[2]
    made = f"`{evidence.results.command}` makes the figures, `{WRITE}` this table."
    return f"{table}\n\n{made}"


def results_page(evidence: Evidence) -> str:
    """docs/results.md."""
    about = f"Written by `{WRITE}` from the results of `{evidence.results.command}`; not by hand."
    parts = ["# Results", about, headline(evidence), *map(markdown, tables(evidence))]
    return "\n\n".join(parts) + "\n"


def with_table(readme: str, table: str) -> str:
    """The README with the table between its two marks.

    >>> with_table("a\\n<!-- results -->\\nold\\n<!-- /results -->\\nb", "new")
    'a\\n<!-- results -->\\nnew\\n<!-- /results -->\\nb'
    """
    before, opened, rest = readme.partition(OPENING)
    _, closed, after = rest.partition(CLOSING)
    if not (opened and closed):
        message = f"README.md has no place for the table: {OPENING} ... {CLOSING}"
        raise NightshiftError(message, hint="put the two marks where the table belongs")
    return f"{before}{OPENING}\n{table}\n{CLOSING}{after}"


def kept(root: Path = ROOT) -> Path | None:
    """The run whose figures the docs show: the standard profile before the others."""
    folders = (root / KEPT / profile for profile in ("standard", "full", "small"))
    return next((folder for folder in folders if (folder / PAGE).is_file()), None)


def written(folder: Path | None, root: Path = ROOT) -> dict[Path, str]:
    """What both pages should say, by path; without a run, that there is no figure."""
    results, table = f"# Results\n\n{NO_RESULT}\n", NO_RESULT
    if folder is not None:
        evidence = Evidence(read(folder))
        results, table = results_page(evidence), short_table(evidence)
    readme = (root / README).read_text("utf-8")
    return {root / RESULTS: results, root / README: with_table(readme, table)}


def write_docs(folder: Path | None, root: Path = ROOT) -> list[Path]:
    """Both pages, written anew."""
    pages = written(folder, root)
    for path, text in pages.items():
        path.write_text(text, "utf-8")
    return list(pages)


def matches(folder: Path | None, root: Path = ROOT) -> bool:
    """Whether both pages still say what the results say."""
    pages = written(folder, root)
    return all(path.is_file() and path.read_text("utf-8") == text for path, text in pages.items())
