"""Rows of a new run beside those that are kept: a system measured again takes its own place.

    python -m bench.quality.keep RUN KEPT

RUN and KEPT are folders with results. Rows are taken that came to the last night; both runs must be
of the same nights, domains, encoder and share of documents, and a row with fewer seeds takes no
place. Each row goes on naming the state of the code and the processor that made it, and what the
frozen encoder scored beside it: where that differs, "over the frozen encoder" says so much less.
"""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from bench.quality.resampling import Draws
from bench.quality.results import (
    NAMED,
    PAGE,
    SCORES,
    Results,
    aims_of,
    read,
    with_aims,
    write_page,
    write_scores,
)
from bench.quality.summary import FROZEN
from bench.quality.systems import entries
from nightshift.errors import NightshiftError, UsageError

SAME = ("stream", "share", "nights", "domains")


def kept_with(kept: Results, run: Results) -> Results:
    """The kept results with the rows of the run in them."""
    fresh = [row for row, system in run.systems.items() if run.last in system["P"]]
    _refuse_strangers(kept, run, fresh)
    systems = {**_signed(kept), **{row: _signed(run)[row] for row in fresh}}
    ordered = {row: systems[row] for row in entries.ABOUT if row in systems}
    page = {
        **kept.page,
        "command": f"nightshift bench quality --data DIR --stream {run.page['stream']}"
        f" --profile {run.page['profile']} --systems ROW --seeds AS_BELOW --out RUN",
        "profile": run.page["profile"],
        "versions": run.page["versions"],
        "machine": run.page["machine"],
        "systems": ordered,
        "code": sorted({state for system in ordered.values() for state in system["code"]}),
        "detectors": run.page["detectors"] or kept.page["detectors"],
    }
    scores = _scores(kept.scores, run.scores, fresh, list(ordered))
    Draws(scores)  # which refuses systems that were not asked the same
    return Results(page, scores)


def _refuse_strangers(kept: Results, run: Results, fresh: list[str]) -> None:
    """Rows that do not belong in one table, or that would make the kept evidence weaker."""
    different = [name for name in SAME if kept.page[name] != run.page[name]]
    if _encoder(kept) != _encoder(run):
        different.append("their encoder")
    if different:
        raise UsageError(
            f"the two runs differ in {different[0]}: their figures do not belong in one table",
            hint="keep RUN in a folder of its own",
        )
    for row in fresh:
        before = kept.systems.get(row, {}).get("seeds", [])
        if len(run.systems[row]["seeds"]) < len(before):
            raise UsageError(
                f"{row} has {len(before)} seeds, and the new run has fewer",
                hint=f"nightshift bench quality --systems {row} --seeds {len(before)} --out RUN",
            )


def _encoder(results: Results) -> set[int]:
    return {system["encoder_parameters"] for system in results.systems.values()}


def _signed(results: Results) -> Mapping[str, dict[str, Any]]:
    """Each row with what it was measured on, and beside."""
    return {
        row: {
            **system,
            "processor": results.processor(row),
            "floor": system.get("floor", _floor(results)),
        }
        for row, system in results.systems.items()
    }


def _floor(results: Results) -> float:
    """What the frozen encoder scores after the last night, mean over domains and seeds."""
    cells = results.systems[FROZEN]["P"][results.last].values()
    return float(np.mean([np.mean(cell["nDCG@10"]) for cell in cells if "nDCG@10" in cell]))


def _scores(kept: pa.Table, run: pa.Table, fresh: list[str], rows: list[str]) -> pa.Table:
    old = kept.filter(pc.is_in(kept["system"], pa.array(sorted({*rows} - {*fresh}), pa.string())))
    new = run.filter(pc.is_in(run["system"], pa.array(fresh, pa.string())))
    if NAMED in run.column_names:
        aims = aims_of(run)
        old, new = with_aims(old, aims), with_aims(new, aims)
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
    half = asked.kept / "half"
    write_scores(together.scores, half)
    os.replace(half, asked.kept / SCORES)
    write_page(together.page, half)
    os.replace(half, asked.kept / PAGE)
    print("\n".join(together.systems))
    return 0


if __name__ == "__main__":
    sys.exit(main())
