"""What if a constant of the product were another? One expert a domain and variant, held out.

    python -m bench.tuning --data DIR --work DIR --domains A B --variants base hot --out FILE

All domains (judged documents and a quarter of the others) make one index. Each domain in turn is
taught one expert from the queries about two thirds of the documents that training queries name, and
from spans of the others; what is measured is nDCG@10 over the whole index on the queries about the
last third, of that expert against the frozen encoder. `test` queries are never read. Cells that the
file has already are not run again.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import json
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.quality.cache import CachedEncoder
from bench.quality.domains import Domain, read_domains
from bench.quality.stream import BOOTSTRAP, Part, Planned, Stream
from flows import groups
from flows.bootstrap import bootstrap
from flows.live import Live, open_live
from pipeline.checkpoint import locate
from pipeline.documents import Key, Pair
from pipeline.experts.lora import LoraExpert
from pipeline.lessons import lessons
from pipeline.measures import Scores, interval
from pipeline.questions import Questions
from pipeline.retriever import Retriever
from pipeline.router import Router, prototypes_of
from pipeline.training import train
from pipeline.tried import hear, quality
from state.store import Store

SHARE = 0.25
HELD_OUT = 3
MOST_PAIRS = 900
TARGETS, ALL = "pipeline.experts.lora.TARGETS", ["query", "key", "value", "dense"]
"""Which of a BERT's linear layers carry an expert; peft chooses layers only among names."""
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "base": {},
    "temperature .02": {"pipeline.training.TEMPERATURE": 0.02},
    "temperature .03": {"pipeline.training.TEMPERATURE": 0.03},
    "temperature .1": {"pipeline.training.TEMPERATURE": 0.1},
    "rate 5e-4": {"pipeline.training.LEARNING_RATE": 5e-4},
    "rate 2e-3": {"pipeline.training.LEARNING_RATE": 2e-3},
    "epochs 8": {"pipeline.training.EPOCHS": 8},
    "epochs 2": {"pipeline.training.EPOCHS": 2},
    "rank 4": {"pipeline.experts.lora.RANK": 4, "pipeline.experts.lora.ALPHA": 8},
    "rank 16": {"pipeline.experts.lora.RANK": 16, "pipeline.experts.lora.ALPHA": 32},
    "last 3 layers": {"pipeline.experts.lora.LAYERS": 3, TARGETS: ALL},
    "last 2 layers": {"pipeline.experts.lora.LAYERS": 2, TARGETS: ALL},
    "query and value": {TARGETS: ["query", "value"]},
    "no spans": {"flows.groups.MANY": 0},
    "spans 4": {"flows.groups.SPANS_EACH": 4},
    "spans 4, rate 5e-4": {
        "flows.groups.SPANS_EACH": 4,
        "pipeline.training.LEARNING_RATE": 5e-4,
    },
}


def tried(live: Live, domain: Domain, variant: str, seed: int) -> dict[str, Any]:
    """One expert of a domain, taught with a constant changed."""
    learn, held = _pairs(domain)
    rows = [row for key, row in live.library.number_of.items() if key[1].startswith(domain.name)]
    inside = [live.library.document(row) for row in rows]
    with changed(VARIANTS[variant]):
        asked = groups.ask_about(live.encoder, inside, learn, groups.MANY, seed)
        expert = LoraExpert.new(live.encoder, "tried", seed)
        began = time.process_time()
        try:
            made = lessons(asked, live.library)
            training = train(live.encoder, expert, made, minutes=60, seed=seed)
            spent = time.process_time() - began
            points = prototypes_of(asked.vectors, seed)
            router = Router({"k": points}, {"k": "tried"})
            learned = Retriever(live.encoder, {"tried": expert}, router, live.index)
            frozen = Retriever(live.encoder, {}, Router(), live.index)
            judged = Questions(tuple(held), live.encoder.encode_queries([p.query for p in held]))
            before = quality(hear(frozen, judged, live.library))
            gains: Scores = quality(hear(learned, judged, live.library)) - before
        finally:
            expert.detach()
    low, high = interval(gains, 0.95)
    return {
        "domain": domain.name,
        "variant": variant,
        "seed": seed,
        "pairs": len(learn),
        "queries": len(gains),
        "frozen": float(before.mean()),
        "gain": float(gains.mean()),
        "interval": [low, high],
        "losses": list(training.losses),
        "cpu_seconds": spent,
    }


@contextmanager
def changed(constants: Mapping[str, Any]) -> Iterator[None]:
    """Inside, constants of modules have other values."""
    before = {name: _set(name, value) for name, value in constants.items()}
    try:
        yield
    finally:
        for name, value in before.items():
            _set(name, value)


def _set(name: str, value: Any) -> Any:
    """Give a constant another value; the one it had."""
    module, constant = name.rsplit(".", 1)
    before = getattr(importlib.import_module(module), constant)
    setattr(importlib.import_module(module), constant, value)
    return before


def _pairs(domain: Domain) -> tuple[list[Pair], list[Pair]]:
    """Pairs to learn from and pairs held out, by document."""
    learn: list[Pair] = []
    held: list[Pair] = []
    for query in domain.queries["train"]:
        keys = [("default", f"{domain.name}/{id_}") for _, id_ in query.grades]
        folds = {_fold(key) for key in keys}
        if len(folds) == 1 and len(keys) == 1:
            (held if folds == {0} else learn).append(Pair(query.text, keys[0]))
    learn.sort(key=lambda pair: hashlib.sha256(pair.query.encode()).hexdigest())
    return learn[:MOST_PAIRS], held


def _fold(key: Key) -> int:
    return int(hashlib.sha256("\0".join(("tuning", *key)).encode()).hexdigest(), 16) % HELD_OUT


def opened(domains: Mapping[str, Domain], work: Path, encoder: CachedEncoder) -> Live:
    """One index of all domains, made once."""
    root = work / "tuning"
    if not (root / "HEAD").exists():
        everything = Planned(BOOTSTRAP, add=tuple(Part(name) for name in domains))
        [night] = Stream("all", (everything,)).nights(domains)
        bootstrap(root, [night.write(work / "tuning-batch")], loaded=encoder)
    return open_live(Store.open(root), encoder=encoder)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--all", nargs="+", required=True, help="domains of the index")
    parser.add_argument("--domains", nargs="+", required=True)
    parser.add_argument("--variants", nargs="+", required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    cells = json.loads(asked.out.read_text("utf-8")) if asked.out.exists() else []
    there = {(cell["domain"], cell["variant"], cell["seed"]) for cell in cells}
    domains = read_domains(asked.data, asked.all, SHARE)
    encoder = CachedEncoder(locate(None), asked.work / "encodings")
    with opened(domains, asked.work, encoder) as live:
        for variant in asked.variants:
            for name in asked.domains:
                if (name, variant, asked.seed) not in there:
                    cells.append(tried(live, domains[name], variant, asked.seed))
                    asked.out.write_text(json.dumps(cells, indent=1) + "\n", "utf-8")
                    print(_line(cells[-1]), file=sys.stderr, flush=True)


def _line(cell: Mapping[str, Any]) -> str:
    low, high = (100 * end for end in cell["interval"])
    return (
        f"{cell['domain']:<16}{cell['variant']:<18}{100 * cell['frozen']:5.1f} "
        f"{100 * cell['gain']:+5.1f} ({low:+.1f} to {high:+.1f}) {cell['cpu_seconds']:.0f} s"
    )


if __name__ == "__main__":
    main()
