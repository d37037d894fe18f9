"""What if a constant of the product were another? Experts that are judged by documents held out.

    python -m bench.tuning --data DIR --work DIR --domains A B --variants now hot --out FILE

All domains (judged documents and a quarter of the others) make one index. Each domain in turn is
taught an expert from the queries about two thirds of the documents that training queries name, and
from spans of the others; what is measured is nDCG@10 over the whole index on the queries about the
last third, of that expert against the frozen encoder, with several shares of what was learned kept,
and with a head besides (none kept: with a head alone).
Each third is held out in turn. `test` queries are never read. Cells that the file has already are
not run again; intervals resample documents, because several queries may ask about one.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial
from itertools import product
from pathlib import Path
from pkgutil import resolve_name
from typing import Any

import numpy as np
import numpy.typing as npt

from bench.quality.cache import CachedEncoder
from bench.quality.domains import Domain, read_domains
from bench.quality.stream import BOOTSTRAP, Part, Planned, Stream
from flows import groups
from flows.bootstrap import bootstrap
from flows.live import Live, open_live
from pipeline.checkpoint import locate
from pipeline.documents import Key, Pair
from pipeline.experts.lora import LoraExpert
from pipeline.experts.weights import Weights, between, mean_of
from pipeline.head import Head, train_head
from pipeline.lessons import lessons
from pipeline.measures import Scores
from pipeline.overlay import Overlaid, Overlay, lay_by
from pipeline.questions import Questions
from pipeline.retriever import Retriever
from pipeline.router import Router, prototypes_of
from pipeline.training import KEPT, train
from pipeline.tried import hear, quality
from state.store import Store

SHARE = 0.25
MOST_PAIRS = 900
TARGETS, ALL = "pipeline.experts.lora.TARGETS", ["query", "key", "value", "dense"]
"""Which of a BERT's linear layers carry an expert; peft chooses layers only among names."""
MEAN = "mean of thirds"
SHARES_KEPT = (0.0, 0.5, 0.75, 1.0)
WITH_HEAD = " with a head"
LORA, HEAD = "pipeline.experts.lora.LoraExpert", "pipeline.head.Head"
RANK_8 = {"pipeline.experts.lora.RANK": 8, "pipeline.experts.lora.ALPHA": 16}
VARIANTS: Mapping[str, Mapping[str, Any]] = {
    "now": {},
    MEAN: {},
    "temperature .02": {"pipeline.training.TEMPERATURE": 0.02},
    "temperature .05": {"pipeline.training.TEMPERATURE": 0.05},
    "rate 1e-3": {f"{LORA}.learning_rate": 1e-3},
    "rate 4e-3": {f"{LORA}.learning_rate": 4e-3},
    "epochs 4": {f"{LORA}.epochs": 4},
    "four epochs at 1e-3": {
        f"{LORA}.epochs": 4,
        f"{LORA}.learning_rate": 1e-3,
        f"{HEAD}.epochs": 4,
        f"{HEAD}.learning_rate": 1e-3,
    },
    "rank 8": RANK_8,
    "rank 8, head of half the units": {**RANK_8, "pipeline.head.HIDDEN": 0.25},
    "last 3 layers": {"pipeline.experts.lora.LAYERS": 3, TARGETS: ALL},
    "last 2 layers": {"pipeline.experts.lora.LAYERS": 2, TARGETS: ALL},
    "query and value": {TARGETS: ["query", "value"]},
    "head temperature .03": {"pipeline.head.TEMPERATURE": 0.03},
    "no spans": {"flows.groups.MANY": 0},
    "one span each": {"flows.groups.SPANS_EACH": 1},
}


def tried(live: Live, domain: Domain, variant: str, third: int, seed: int) -> dict[str, Any]:
    """An expert of a domain, taught with a constant changed, without a third of the documents."""
    with changed(VARIANTS[variant]):
        return _tried(live, domain, variant, third, seed)


def _tried(live: Live, domain: Domain, variant: str, third: int, seed: int) -> dict[str, Any]:
    learn, held = _pairs(domain, third)
    rows = [row for key, row in live.library.number_of.items() if key[1].startswith(domain.name)]
    inside = [live.library.document(row) for row in rows]
    expert = LoraExpert.new(live.encoder, "tried", seed)
    start, size, began = expert.state(), expert.parameter_count, time.process_time()
    try:
        asked = groups.ask_about(live.encoder, inside, learn, groups.MANY, seed)
        with changed({"pipeline.training.KEPT": 1.0}):
            if variant == MEAN:
                expert.restore(_mean_of_thirds(live, asked, seed))
            else:
                train(live.encoder, expert, lessons(asked, live.library), minutes=60, seed=seed)
        spent, learned = time.process_time() - began, expert.state()
        points = prototypes_of(asked.vectors, seed)
        router = Router({"k": points}, {"k": "tried"})
        judged = Questions(tuple(held), live.encoder.encode_queries([p.query for p in held]))
        frozen = hear(Retriever(live.encoder, {}, Router(), live.index), judged, live.library)
        before, gains = quality(frozen), {}
        about = np.array([min(one.relevant) for one in frozen])
        head, overlay = _headed(live, asked, [document.key for document in inside], seed)
        for share in SHARES_KEPT:
            expert.restore(between(start, learned, share))
            for name, overlaid in (("", {}), (WITH_HEAD, {"tried": overlay})):
                retriever = Retriever(live.encoder, {"tried": expert}, router, live.index, overlaid)
                found = quality(hear(retriever, judged, live.library))
                gains[f"{share}{name}"] = found - before
    finally:
        expert.detach()
    return {
        "domain": domain.name,
        "variant": variant,
        "third": third,
        "seed": seed,
        "pairs": len(learn),
        "queries": len(before),
        "documents": len(set(about.tolist())),
        "parameters": {"expert": size, "head": head.parameter_count},
        "frozen": float(before.mean()),
        "gain": {name: float(gain.mean()) for name, gain in gains.items()},
        "interval": {name: _by_document(gain, about) for name, gain in gains.items()},
        "cpu_seconds": spent,
    }


def _headed(live: Live, asked: Questions, keys: Sequence[Key], seed: int) -> tuple[Head, Overlaid]:
    """A head taught the same questions, and the domain's documents as it sees them."""
    head = Head.new(live.encoder.dimension, seed)
    train_head(live.encoder, head, lessons(asked, live.library), minutes=60, seed=seed)
    overlay = Overlay((lay_by(head, live.library, keys),), head=head)
    return head, Overlaid(overlay, live.library, live.index)


def _mean_of_thirds(live: Live, asked: Questions, seed: int) -> Weights:
    """The mean of experts that were taught without a third each, as the product's trial does."""
    taught = []
    for third in range(3):
        expert = LoraExpert.new(live.encoder, f"third{third}", seed)
        few = asked.where(partial(_outside, third))
        train(live.encoder, expert, lessons(few, live.library), minutes=60, seed=seed)
        taught.append(expert.state())
        expert.detach()
    return mean_of(taught)


def _by_document(gains: Scores, about: npt.NDArray[np.int64]) -> list[float]:
    """A 95 % bootstrap interval of the mean; what is drawn are documents with all their queries."""
    _, member = np.unique(about, return_inverse=True)
    sums, counts = np.bincount(member, gains), np.bincount(member)
    draws = np.random.default_rng(0).integers(len(sums), size=(2000, len(sums)))
    means = sums[draws].sum(axis=1) / counts[draws].sum(axis=1)
    return [float(end) for end in np.quantile(means, [0.025, 0.975])]


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
    owner, constant = name.rsplit(".", 1)
    before = getattr(resolve_name(owner), constant)
    setattr(resolve_name(owner), constant, value)
    return before


def _pairs(domain: Domain, third: int) -> tuple[list[Pair], list[Pair]]:
    """Pairs to learn from and pairs held out, by document."""
    learn: list[Pair] = []
    held: list[Pair] = []
    for query in domain.queries["train"]:
        keys = [("default", f"{domain.name}/{id_}") for _, id_ in query.grades]
        if len(keys) == 1:
            (held if _third("tuning", keys[0]) == third else learn).append(
                Pair(query.text, keys[0])
            )
    learn.sort(key=lambda pair: hashlib.sha256(pair.query.encode()).hexdigest())
    return learn[:MOST_PAIRS], held


def _outside(third: int, pair: Pair) -> bool:
    return _third("mean", pair.key) != third


def _third(purpose: str, key: Key) -> int:
    return int(hashlib.sha256("\0".join((purpose, *key)).encode()).hexdigest(), 16) % 3


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
    parser.add_argument("--thirds", nargs="+", type=int, default=[0, 1, 2])
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    cells = json.loads(asked.out.read_text("utf-8")) if asked.out.exists() else []
    there = {(cell["domain"], cell["variant"], cell["third"], cell["seed"]) for cell in cells}
    domains = read_domains(asked.data, asked.all, SHARE)
    encoder = CachedEncoder(locate(None), asked.work / "encodings")
    with opened(domains, asked.work, encoder) as live:
        for name, variant, third in product(asked.domains, asked.variants, asked.thirds):
            if (name, variant, third, asked.seed) not in there:
                cell = tried(live, domains[name], variant, third, asked.seed)
                cells.append({**cell, "index": len(domains)})
                asked.out.write_text(json.dumps(cells, indent=1) + "\n", "utf-8")
                print(_line(cells[-1]), file=sys.stderr, flush=True)


def _line(cell: Mapping[str, Any]) -> str:
    gains = " ".join(f"{100 * gain:+5.1f}" for gain in cell["gain"].values())
    low, high = (100 * end for end in cell["interval"][f"{KEPT}{WITH_HEAD}"])
    return (
        f"{cell['domain']:<16}{cell['variant']:<18}{cell['third']} {100 * cell['frozen']:5.1f} "
        f"{gains} ({low:+.1f} to {high:+.1f}) {cell['cpu_seconds']:.0f} s"
    )


if __name__ == "__main__":
    main()
