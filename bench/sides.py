"""Queries alone or both sides? One kind beside a first corpus, taught both ways.

    python -m bench.sides --data DIR --first wiki_science --kind tv_friends --most 250 --out FILE

DIR holds domains in BEIR layout. Every figure is nDCG@10 over the whole index, through the router,
against the frozen encoder, with a paired bootstrap interval of the difference.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from bench.told import tell
from flows.encoding import encode
from flows.groups import MANY, ask_about
from pipeline.batch import Batch, read_batch
from pipeline.checkpoint import locate
from pipeline.documents import Pair
from pipeline.encoder import Encoder
from pipeline.experts.base import Expert
from pipeline.gains import Gains
from pipeline.judged import read_judged
from pipeline.lessons import lessons
from pipeline.library import Library
from pipeline.overlay import Overlay
from pipeline.progress import silent
from pipeline.questions import Questions
from pipeline.retriever import Retriever
from pipeline.router import Router, prototypes_of
from pipeline.segment import Segment, write_segment
from pipeline.side import BothSides
from pipeline.training import train
from pipeline.trial import Trial
from pipeline.tried import Tried

SPLITS = ("test", "test_seen")


def shelved(encoder: Encoder, batches: list[Batch], folder: Path) -> Library:
    """All documents of some batches in a library, a segment each."""
    segments = {}
    for batch in batches:
        read = encode(encoder, batch.documents, [0], {}, silent)
        place = folder / batch.name
        place.mkdir()
        write_segment(place, batch.documents, read.passages, read.vectors, read.features)
        segments[batch.name] = Segment(place)
    return Library(segments, {})


def sample(batch: Batch, most: int) -> Batch:
    """Some of the batch's documents, drawn by hash, with the pairs about them."""
    kept = sorted(batch.documents, key=lambda document: document.text_hash)[:most]
    keys = {document.key for document in kept}
    pairs = tuple(pair for pair in batch.pairs if pair.key in keys)
    return replace(batch, documents=tuple(kept), pairs=pairs)


def judged(encoder: Encoder, library: Library, data: Path, batch: Batch, split: str) -> Questions:
    """The queries that nobody is taught by, about documents that are there."""
    pairs = [
        Pair(query.text, key)
        for query in read_judged(data / batch.name, split)
        for key, grade in query.grades.items()
        if grade > 0 and key in library.number_of
    ]
    return Questions(tuple(pairs), encoder.encode_queries([pair.query for pair in pairs]))


def figures(gains: Gains) -> dict[str, Any]:
    return {"queries": len(gains), "gain": gains.mean, "interval": list(gains.interval(0.95))}


def timed(name: str, work: Callable[[], Any]) -> tuple[Any, float]:
    started = time.monotonic()
    done = work()
    seconds = time.monotonic() - started
    print(f"{name}: {seconds:.0f} s", file=sys.stderr, flush=True)
    return done, seconds


def measured(
    trial: Trial,
    asked: dict[str, dict[str, Questions]],
    router: Router,
    expert: Expert,
    overlay: Overlay | None = None,
) -> dict[str, Any]:
    """What an expert does for queries of every domain."""
    fresh = {expert.name: expert}
    page = {
        name: {
            split: figures(trial.gain(router, questions, fresh, overlay))
            for split, questions in splits.items()
        }
        for name, splits in asked.items()
    }
    print(page, file=sys.stderr, flush=True)
    return page


def sides(data: Path, first: str, kind: str, most: int, seed: int, root: Path) -> dict[str, Any]:
    """Teach the kind's expert both ways, on everything but the judging tenth, and measure them."""
    encoder = Encoder(locate(None))
    batches = [read_batch(data / first), sample(read_batch(data / kind), most)]
    library, reading = timed("encoding", lambda: shelved(encoder, batches, root))
    asked = {
        batch.name: {split: judged(encoder, library, data, batch, split) for split in SPLITS}
        for batch in batches
    }
    known, own = (ask_about(encoder, batch.documents, batch.pairs, MANY, seed) for batch in batches)
    router = Router().with_kind("k1", prototypes_of(known.typical.vectors, seed), None)
    live = Retriever(encoder, {}, router, library.index())
    trial = Trial(live, library, {"k1": known}, 120.0, seed)
    points = prototypes_of(own.typical.vectors, seed)
    alone = trial.fresh("e1", None)
    made = lessons(own.teaching, library)
    taught, _ = timed("queries alone", lambda: train(encoder, alone, made, minutes=60.0, seed=seed))
    alone_page = measured(trial, asked, trial.router("k2", points, "e1", own), alone)
    keys = [document.key for document in batches[1].documents]
    both = BothSides(trial, "k2", own, keys, "e2")
    expected, _ = timed("estimate", both.whole_seconds)
    print(f"both sides would take {expected:.0f} s", file=sys.stderr, flush=True)
    whole, seconds = timed("both sides", lambda: both.whole(Tried()))
    return {
        "first": first,
        "kind": kind,
        "documents": len(keys),
        "encoding_seconds": reading,
        "queries_alone": {"taught": vars(taught), **alone_page},
        "both_sides": {
            "expected_seconds": expected,
            "taught": whole.training and vars(whole.training),
            "with_encoding_seconds": seconds,
            "scale": whole.overlay and list(whole.overlay.scale),
            **measured(trial, asked, whole.router, whole.expert, whole.overlay),
        },
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--first", required=True)
    parser.add_argument("--kind", required=True)
    parser.add_argument("--most", type=int, default=1_000_000, help="documents of the kind")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page = sides(asked.data, asked.first, asked.kind, asked.most, asked.seed, Path(folder))
    tell(page, asked.out)


if __name__ == "__main__":
    main()
