"""What QDC's correction of queries is worth: with it and without it, documents as they were.

    nightshift bench quality --data DIR --stream FILE --profile full --systems full-ft-qdc --out OUT
    python -m bench.uncorrected --data DIR --stream FILE --run OUT --out FILE

The fine-tuned encoder as it is after the last night asks the vectors that its predecessors left,
its queries moved back or not; `test` queries. Once over the index of all domains, where generations
compete, and once over each domain's documents alone, as in the paper.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from typing import Any

import pyarrow as pa

from bench.compared import compared
from bench.quality.asking import ask
from bench.quality.collect import aims
from bench.quality.domains import TEST, Domain
from bench.quality.results import with_aims
from bench.quality.run import Run
from bench.quality.stream import Night
from bench.quality.systems.qdc import NAME, DriftCompensated
from bench.reopened import parser, reopen
from bench.told import tell
from nightshift.errors import NightshiftError

SEED = 0
PAIR = ("corrected", "uncorrected")


def measured(run: Run, domains: Mapping[str, Domain], nights: Sequence[Night]) -> dict[str, Any]:
    """Every domain, asked both ways after the last night, among all others and alone."""
    last = nights[-1]
    asked = [questions for questions in last.asked if questions.split == TEST]
    system = DriftCompensated(root=run.shared.folder(NAME, SEED), floor=run.shared.floor, seed=SEED)
    ways = dict(zip(PAIR, (system.corrected, system.uncorrected), strict=True))
    with closing(system):
        if not system.resume(last.name, run.cells.page(NAME, SEED, last.name)):
            raise NightshiftError(
                f"{run.out} holds no encoder of {NAME} after {last.name}",
                hint=f"nightshift bench quality --systems {NAME} --profile full, into the folder",
            )
        together = [ask(way, name, SEED, last.name, asked)[0] for name, way in ways.items()]
        alone = []
        for questions in asked:
            system.shelve_alone(questions.domain)
            alone += [ask(way, name, SEED, last.name, [questions])[0] for name, way in ways.items()]
    names = [questions.domain for questions in asked]

    def told(tables: Sequence[pa.Table]) -> dict[str, Any]:
        scores = with_aims(pa.concat_tables(tables), aims(domains))
        return compared(scores, last.name, names, [PAIR])

    return {"after": last.name, "together": told(together), "alone": told(alone)}


def main() -> None:
    asked = parser(str(__doc__)).parse_args()
    there = reopen(asked, [NAME])
    tell(measured(there.run, there.domains, there.nights), asked.out)


if __name__ == "__main__":
    main()
