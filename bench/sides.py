"""Queries alone or both sides? One kind beside a first corpus, taught both ways.

    python -m bench.sides --data DIR --first wiki_science --kind tv_friends --out FILE

DIR is as for `bench.one_night`. Every figure is nDCG@10 over the whole index, through the router,
against the frozen encoder, with a paired bootstrap interval of the difference; `fold` is what the
choice between the sides looks at, `test` and `test_seen` are what nobody looked at.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from bench.told import tell
from flows.groups import MANY, ask_about
from flows.intake import encode
from pipeline.batch import Batch, read_batch
from pipeline.checkpoint import locate
from pipeline.documents import Pair
from pipeline.encoder import Encoder
from pipeline.judged import read_judged
from pipeline.library import Library
from pipeline.measures import Scores, interval
from pipeline.progress import silent
from pipeline.questions import Questions
from pipeline.retriever import Retriever
from pipeline.router import Router, prototypes_of
from pipeline.segment import Segment, write_segment
from pipeline.side import BothSides, weighed
from pipeline.trial import Candidate, Trial

SPLITS = ("test", "test_seen")


def shelved(encoder: Encoder, batches: list[Batch], folder: Path) -> Library:
    """All documents of some batches in a library, a segment each."""
    segments = {}
    for batch in batches:
        encoding = encode(encoder, batch.documents, [0], {}, silent)
        place = folder / batch.name
        place.mkdir()
        write_segment(
            place, batch.documents, encoding.passages, encoding.vectors, encoding.features
        )
        segments[batch.name] = Segment(place)
    return Library(segments, {})


def judged(encoder: Encoder, data: Path, batch: Batch, split: str) -> Questions:
    """The queries that nobody is taught by."""
    pairs = [
        Pair(query.text, key)
        for query in read_judged(data / batch.name, split)
        for key, grade in query.grades.items()
        if grade > 0
    ]
    return Questions(tuple(pairs), encoder.encode_queries([pair.query for pair in pairs]))


def figures(gains: Scores) -> dict[str, Any]:
    ends = interval(gains, 0.95)
    return {"queries": len(gains), "gain": float(gains.mean()), "interval": list(ends)}


def timed(name: str, work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.monotonic()
    done = work()
    seconds = time.monotonic() - started
    print(f"{name}: {seconds:.0f} s", file=sys.stderr, flush=True)
    return done, seconds


def measured(
    trial: Trial, data: Path, batches: list[Batch], candidate: Candidate
) -> dict[str, Any]:
    """What a candidate does for queries of every domain."""
    page: dict[str, Any] = {"gate": candidate.verdict.as_json()}
    fresh = {candidate.expert.name: candidate.expert}
    for batch in batches:
        page[batch.name] = {}
        for split in SPLITS:
            asked = judged(trial.live.encoder, data, batch, split)
            gains = trial.gain(candidate.router, asked, fresh, candidate.overlay)
            page[batch.name][split] = figures(gains)
    print(page, file=sys.stderr, flush=True)
    return page


def sides(data: Path, first: str, kind: str, minutes: float, seed: int, root: Path) -> Any:
    """Teach the kind's expert both ways and measure them."""
    encoder = Encoder(locate(None))
    batches = [read_batch(data / name, name) for name in (first, kind)]
    library, reading = timed("encoding", lambda: shelved(encoder, batches, root))
    known, own = (ask_about(encoder, batch.documents, batch.pairs, MANY, seed) for batch in batches)
    router = Router().with_kind("k1", prototypes_of(known.typical.vectors, seed), None)
    live = Retriever(encoder, {}, router, library.index())
    trial = Trial(live, library, {"k1": known}, minutes, seed)
    alone, alone_seconds = timed("queries alone", lambda: trial.new("k2", own, "e1"))
    alone_page = measured(trial, data, batches, alone)
    keys = [document.key for document in batches[1].documents]
    both = BothSides(trial, "k2", own, keys, "e1-both")
    expected = both.seconds()
    fold, fold_seconds = timed(f"a fold of {expected:.0f} s", both.first_fold)
    print(weighed(fold, alone.first_fold), file=sys.stderr, flush=True)
    whole, whole_seconds = timed("both sides", lambda: both.whole(fold))
    return {
        "first": first,
        "kind": kind,
        "documents": len(keys),
        "encoding_seconds": reading,
        "queries_alone": {
            "seconds": alone_seconds,
            "taught": alone.training and vars(alone.training),
            "fold": figures(alone.first_fold),
            **alone_page,
        },
        "both_sides": {
            "expected_seconds": expected,
            "fold_seconds": fold_seconds,
            "seconds": fold_seconds + whole_seconds,
            "taught": whole.training and vars(whole.training),
            "fold": figures(fold),
            "scale": whole.overlay and list(whole.overlay.scale),
            **measured(trial, data, batches, whole),
        },
        "choice": weighed(fold, alone.first_fold)[1],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--first", required=True)
    parser.add_argument("--kind", required=True)
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = sides(asked.data, asked.first, asked.kind, asked.minutes, asked.seed, Path(folder))
    tell(page, asked.out)


if __name__ == "__main__":
    main()
