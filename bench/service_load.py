"""What does the service cost under load, and does it ever mix two versions?

    python -m bench.service_load --store store --seconds 60 --out bench/results/service.json

Clients ask one query after another while a copy of the store goes to and fro between its live
version and an older one, documents and all, every two seconds. Every answer is held against what
Python answers from the version that it names. *Bare* is the same encoder and one exact FAISS index,
without experts, words, HTTP or texts: a single thread that takes the same queries of as many
callers one by one, with the same commotion beside it, and the same for one caller alone.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import multiprocessing
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np

from bench.told import tell
from flows.live import open_live
from flows.rollback import rollback
from nightshift.index import Index
from state.store import Store

BETWEEN = 2.0
"""Seconds between two versions."""
QUERIES, K = 100, 10
CLOSE = 1e-4
"""Of scores: those of queries that are encoded together differ in the last digits."""
Hits = list[tuple[str, str, float]]
Ask = Callable[[str], Awaitable[tuple[int, Hits]]]


@dataclass
class Heard:
    """What clients were answered, when, and how long each waited."""

    seconds: list[float] = field(default_factory=list)
    answers: list[tuple[str, int, Hits]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def as_json(self, lasted: float) -> dict[str, Any]:
        p50, p99 = np.quantile(self.seconds, [0.5, 0.99]) if self.seconds else (None, None)
        return {
            "requests": len(self.seconds),
            "a_second": len(self.seconds) / lasted,
            "p50_ms": p50 and 1000 * float(p50),
            "p99_ms": p99 and 1000 * float(p99),
        }


async def hear(ask: Ask, queries: list[str], clients: int, seconds: float) -> Heard:
    """So many clients, each with its next question as soon as it has an answer."""
    heard, end = Heard(), time.monotonic() + seconds

    async def client(number: int) -> None:
        for query in itertools.cycle([*queries[number:], *queries[:number]]):
            began = time.monotonic()
            if began >= end:
                return
            try:
                version, hits = await ask(query)
            except Exception as error:
                heard.errors.append(f"{type(error).__name__}: {error}")
                continue
            heard.seconds.append(time.monotonic() - began)
            heard.answers.append((query, version, hits))

    await asyncio.gather(*(client(number % len(queries)) for number in range(clients)))
    return heard


def to_and_fro(root: Path, targets: tuple[int, int]) -> None:
    """Publish by taking back, until somebody ends this process."""
    for number in itertools.count():
        began = time.monotonic()
        rollback(Store.open(root), targets[number % 2], "the load test", documents=True)
        time.sleep(max(0.0, BETWEEN - (time.monotonic() - began)))


@contextmanager
def commotion(root: Path, targets: tuple[int, int]) -> Iterator[None]:
    publishing = multiprocessing.get_context("spawn").Process(
        target=to_and_fro, args=(root, targets)
    )
    publishing.start()
    try:
        while Store.open(root).head().version <= max(targets):
            time.sleep(0.1)
        yield
    finally:
        publishing.terminate()
        publishing.join()


@contextmanager
def served(root: Path) -> Iterator[str]:
    """The service over this store, at some port."""
    words = [sys.executable, "-m", "nightshift.cli.main", "serve", "--store", str(root)]
    process = subprocess.Popen(
        [*words, "--port", "0", "--rate", "0"], stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        line = process.stderr.readline()
        match = re.search(r"http://\S+", line)
        if match is None:
            raise RuntimeError(line + process.stderr.read())
        yield match[0]
    finally:
        process.send_signal(signal.SIGTERM)
        said = process.communicate()[1]
        if said:
            print(said, file=sys.stderr)


async def through_http(address: str, queries: list[str], clients: int, seconds: float) -> Heard:
    limits = httpx.Limits(max_connections=clients, max_keepalive_connections=clients)
    async with httpx.AsyncClient(base_url=address, limits=limits, timeout=60) as client:

        async def ask(query: str) -> tuple[int, Hits]:
            answer = await client.post("/search", json={"query": query, "k": K})
            answer.raise_for_status()
            page = answer.json()
            hits = page["answers"][0]["hits"]
            return page["version"], [(h["source"], h["id"], h["score"]) for h in hits]

        return await hear(ask, queries, clients, seconds)


def bare(index: Index, queries: list[str], clients: int, seconds: float) -> Heard:
    """The encoder and one FAISS index, asked by one thread."""
    live = index.live

    def find(query: str) -> tuple[int, Hits]:
        live.index.search(live.encoder.encode_queries([query]), K)
        return live.manifest.version, []

    with ThreadPoolExecutor(1) as thread:

        async def ask(query: str) -> tuple[int, Hits]:
            return await asyncio.get_running_loop().run_in_executor(thread, find, query)

        return asyncio.run(hear(ask, queries, clients, seconds))


def is_right(hits: Hits, right: Hits) -> bool:
    """The same documents with the same scores, where scores this close may change places."""
    if len(hits) != len(right):
        return False
    scores = {key[:2]: key[2] for key in right}
    last = right[-1][2] if right else 0.0
    return all(
        abs(score - expected[2]) <= CLOSE and abs(scores.get((source, id_), last) - score) <= CLOSE
        for (source, id_, score), expected in zip(hits, right, strict=True)
    )


def answers_of(index: Index, queries: list[str]) -> dict[str, Hits]:
    return {
        query: [(hit.source, hit.id, hit.score) for hit in answer.hits]
        for query, answer in zip(queries, index.search_many(queries, K), strict=True)
    }


def questions(index: Index, seed: int) -> list[str]:
    """Some that people or generators asked about the documents of every kind."""
    kinds = index.live.modules.kinds.values()
    every = sorted({pair.query for kind in kinds for pair in kind.questions.judging.pairs})
    chosen = np.random.default_rng(seed).permutation(len(every))[:QUERIES]
    return [every[row] for row in chosen]


def measure(root: Path, seconds: float, clients: int, older: int | None, seed: int) -> Any:
    """The figures, from a store that may be changed."""
    store = Store.open(root)
    last = store.head().version
    targets = (older or max(1, last // 2), last)
    with Index(open_live(store, last)) as index:
        queries = questions(index, seed)
        right = {last: answers_of(index, queries)}
        with Index(open_live(store, targets[0])) as other:
            right[targets[0]] = answers_of(other, queries)
        with commotion(root, targets):
            with served(root) as address:
                before = store.head().version
                heard = asyncio.run(through_http(address, queries, clients, seconds))
                published = store.head().version - before
            loop = bare(index, queries, clients, seconds / 4)
            alone = bare(index, queries, 1, seconds / 4)
        live = index.live.manifest.facts
    made_from = {one.version: one.facts["rollback"]["to"] for one in store.history()[last:]}
    mixed = sum(
        not is_right(hits, right[made_from.get(version, version)][query])
        for query, version, hits in heard.answers
    )
    return {
        "seconds": seconds,
        "clients": clients,
        "documents": live["live_documents"],
        "experts": len(live["live_experts"]),
        "published": published,
        "versions_served": len({version for _, version, _ in heard.answers}),
        "errors": len(heard.errors),
        "first_errors": heard.errors[:3],
        "mixed": mixed,
        "service": heard.as_json(seconds),
        "bare": loop.as_json(seconds / 4),
        "bare_one_caller": alone.as_json(seconds / 4),
        "load_average": os.getloadavg()[0],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--store", type=Path, required=True)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, default=50)
    parser.add_argument("--older", type=int, help="the version to go back to; default: half way")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(shutil.copytree(asked.store, Path(folder, "store")))
        page = measure(root, asked.seconds, asked.clients, asked.older, asked.seed)
    tell(page, asked.out)


if __name__ == "__main__":
    main()
