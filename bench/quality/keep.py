"""Rows of a new run beside those that are kept: a system measured again takes its own place.

    python -m bench.quality.keep RUN KEPT

RUN and KEPT are folders with results. Rows are taken that came to the last night; both runs must be
of the same nights, domains and share of documents. Each row goes on naming the state of the code
and the processor that made it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from bench.quality.results import PAGE, SCORES, Results, read, write_scores
from bench.quality.systems.entries import ABOUT
from nightshift.errors import NightshiftError, UsageError

SAME = ("stream", "share", "nights", "domains")


def kept_with(kept: Results, run: Results) -> Results:
    """The kept results with the rows of the run in them."""
    for name in SAME:
        if kept.page[name] != run.page[name]:
            raise UsageError(
                f"the two runs differ in {name}: their figures do not belong in one table",
                hint="keep RUN in a folder of its own",
            )
    fresh = [row for row, system in run.systems.items() if run.last in system["P"]]
    systems = {**_processed(kept), **{row: _processed(run)[row] for row in fresh}}
    ordered = {row: systems[row] for row in ABOUT if row in systems}
    page = {
        **kept.page,
        "profile": run.page["profile"],
        "versions": run.page["versions"],
        "machine": run.page["machine"],
        "systems": ordered,
        "code": sorted({state for system in ordered.values() for state in system["code"]}),
        "detectors": run.page["detectors"] or kept.page["detectors"],
    }
    return Results(page, _scores(kept.scores, run.scores, fresh))


def _processed(results: Results) -> Mapping[str, dict[str, Any]]:
    return {
        row: {**system, "processor": results.processor(row)}
        for row, system in results.systems.items()
    }


def _scores(kept: pa.Table, run: pa.Table, fresh: list[str]) -> pa.Table:
    names = pa.array(fresh, pa.string())
    old = kept.filter(pc.invert(pc.is_in(kept["system"], value_set=names)))
    new = run.filter(pc.is_in(run["system"], value_set=names))
    return pa.concat_tables([old, new.cast(old.schema)])


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m bench.quality.keep", description=__doc__)
    parser.add_argument("run", type=Path)
    parser.add_argument("kept", type=Path)
    asked = parser.parse_args(arguments)
    try:
        together = kept_with(read(asked.kept), read(asked.run))
    except NightshiftError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    write_scores(together.scores, asked.kept / SCORES)
    page = json.dumps(together.page, indent=1, allow_nan=False)
    (asked.kept / PAGE).write_text(page + "\n", "utf-8")
    print("\n".join(together.systems))
    return 0


if __name__ == "__main__":
    sys.exit(main())
