"""DDR's claim on domains that nobody was tuned on: top-k prefixes against full fine-tuning.

    nightshift bench quality --data DIR --stream FILE --profile full --systems ddr,full-ft --out OUT
    python -m bench.untuned --data DIR --stream FILE --run OUT --night n05 --out FILE

Both as they were after a night, asked about the domains of later nights: each domain's documents
alone, encoded by each system, `test` queries. Of full fine-tuning a run keeps the newest weights
alone: stop it after that night, or name a copy of its folder with --weights. Intervals are
those of the tables: paired, over documents with all their queries, 95 %.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from safetensors.torch import load_model

from bench.compared import compared
from bench.quality.asking import ask
from bench.quality.collect import aims
from bench.quality.domains import TEST, Domain
from bench.quality.results import with_aims
from bench.quality.run import Run
from bench.quality.stream import Asked, Night
from bench.quality.systems.ddr import Ddr
from bench.reopened import parser, reopen
from bench.told import tell
from nightshift.errors import NightshiftError
from pipeline.encoder import Encoder, Vectors
from pipeline.index import Index, Shelf
from pipeline.library import Library

SEED = 0
UNTUNED = "untuned"
PAIRS = (("ddr-topk", "full-ft"), ("ddr-topk", "frozen"), ("full-ft", "frozen"))
Encode = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True)
class Voice:
    """How a system encodes either side."""

    passages: Encode
    queries: Encode


@contextmanager
def voices(run: Run, night: str, weights: Path) -> Iterator[Mapping[str, Voice]]:
    """The frozen encoder, DDR's two best prefixes and the fine-tuned encoder after a night."""
    frozen, tuned = run.encoder, Encoder(run.encoder.checkpoint)
    load_model(tuned.model, weights / f"{night}.safetensors")
    ddr = Ddr(root=run.shared.folder("ddr", SEED), floor=run.shared.floor, seed=SEED)
    with closing(ddr):
        if not ddr.resume(night, run.cells.page("ddr-topk", SEED, night)):
            raise NightshiftError(
                f"{run.out} holds no prefixes of DDR after {night}",
                hint="nightshift bench quality --systems ddr --profile full, into the same folder",
            )
        yield {
            "frozen": _voice(frozen),
            "ddr-topk": Voice(
                ddr.encode_passages, lambda texts: ddr.encode_queries(texts, ddr.router.top())
            ),
            "full-ft": _voice(tuned),
        }


def _voice(encoder: Encoder) -> Voice:
    return Voice(lambda texts: encoder.encode_documents(texts).vectors, encoder.encode_queries)


def to_come(nights: Sequence[Night], night: str) -> list[Asked]:
    """What is asked at last about the domains of which nothing has arrived by this night."""
    place = [one.name for one in nights].index(night)
    there = {page["_id"].split("/")[0] for one in nights[: place + 1] for page in one.corpus}
    return [
        asked for asked in nights[-1].asked if asked.split == TEST and asked.domain not in there
    ]


def scored(name: str, voice: Voice, library: Library, asked: Asked) -> pa.Table:
    """How a system does on the documents of one domain alone."""
    names = {number: key[1] for key, number in library.number_of.items()}
    own = [number for number in sorted(names) if names[number].startswith(f"{asked.domain}/")]
    texts = [library.texts(number) for number in own]
    vectors = voice.passages([text for some in texts for text in some])
    first = np.cumsum([0, *(len(some) for some in texts)])
    index = Index([Shelf(asked.domain, vectors, first, np.ones(len(own), bool))])

    def search(domain: str, queries: Sequence[str], k: int) -> list[list[str]]:
        found = index.search(voice.queries(queries), k)
        return [[names[own[hit.number]] for hit in hits] for hits in found]

    table, _ = ask(search, name, SEED, UNTUNED, [asked])
    return table


def measured(
    run: Run, domains: Mapping[str, Domain], nights: Sequence[Night], night: str, weights: Path
) -> dict[str, Any]:
    """Every domain to come, asked in every voice."""
    asked = to_come(nights, night)
    with (
        voices(run, night, weights) as speaking,
        run.shared.floor.after(nights[-1].name) as live,
    ):
        tables = [
            scored(name, voice, live.library, questions)
            for name, voice in speaking.items()
            for questions in asked
        ]
    names = [questions.domain for questions in asked]
    scores = with_aims(pa.concat_tables(tables), aims(domains))
    return {"after": night, **compared(scores, UNTUNED, names, PAIRS)}


def main() -> None:
    arguments = parser(str(__doc__))
    arguments.add_argument("--night", required=True)
    arguments.add_argument("--weights", type=Path, help="default: where the run keeps them")
    asked = arguments.parse_args()
    there = reopen(asked, ["ddr", "full-ft"])
    weights = asked.weights or there.run.shared.folder("full-ft", SEED)
    tell(measured(there.run, there.domains, there.nights, asked.night, weights), asked.out)


if __name__ == "__main__":
    main()
