"""python -m bench.quality.report DIR [--docs]

Writes report.md and report.html beside the results in DIR; with --docs also docs/results.md and the
README's short table.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from bench.quality.report.docs import write_docs
from bench.quality.report.folder import write_report
from nightshift.errors import NightshiftError


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.quality.report", description=__doc__)
    parser.add_argument("folder", type=Path, help="a folder with results.json and scores.parquet")
    parser.add_argument("--docs", action="store_true", help="also write the docs")
    chosen = parser.parse_args(arguments)
    try:
        written = [*write_report(chosen.folder)]
        if chosen.docs:
            written += write_docs(chosen.folder)
    except NightshiftError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for path in written:
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
