"""Clicks become a batch that a night takes: queries, and which documents answer them.

    LOG -> pages and clicks, each person once -> position bias -> pairs that surely fit -> batch

A batch is of one source, so a log about several becomes as many. It brings no documents: its pairs
are about those that are there, a tenth of them judges experts, the others teach them.
"""

from __future__ import annotations

import hashlib
import json
import os
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from nightshift.errors import BatchError, NothingToDo, UsageError
from pipeline.click_log import Log, read_log
from pipeline.clicks import Evidence, bias_of, evidence
from pipeline.files import File
from pipeline.formats import JSON_LINES
from pipeline.inbox import mark
from pipeline.readers import Quarantined, Record, read_objects
from state.folder import new_folder

SHOWN_RANKS = 10


@dataclass(frozen=True)
class Harvest:
    """What a log led to; `batches` are the folders that were written."""

    clicks: int
    pages: int
    queries: int
    looks: tuple[float, ...]
    """How often each of the first ranks is looked at, where the first always is."""
    measured: int
    """Ranks for which that was read off the log; the others follow 1 / rank."""
    pairs: tuple[Evidence, ...]
    left_out: Mapping[str, int]
    few_people: int
    """Queries that too few people asked."""
    batches: tuple[Path, ...] = ()

    def as_json(self) -> dict[str, Any]:
        return {**asdict(self), "batches": [str(batch) for batch in self.batches]}


def harvest(
    logs: Sequence[Path], out: Path | None = None, least_people: int | None = None
) -> Harvest:
    """The pairs that a log is evidence for, written as batches at `out` if that is given."""
    log = read_log(_lines(logs))
    if not log.clicks:
        raise NothingToDo(f"{_named(logs)} has no click in it")
    bias = bias_of(log)
    pairs = evidence(log, bias)
    few = _too_few(log, pairs, least_people)
    pairs = [pair for pair in pairs if pair.query not in few]
    if out is not None and not pairs:
        raise NothingToDo(
            f"{_named(logs)} has clicks, and no pair with evidence enough",
            hint="nightshift clicks LOG --dry-run",
        )
    return Harvest(
        len(log.clicks),
        len(log.views),
        len({click.query for click in log.clicks}),
        tuple(round(float(look), 3) for look in bias.look[:SHOWN_RANKS]),
        bias.measured,
        tuple(pairs),
        dict(log.left_out),
        len(few),
        tuple(_write(pairs, out)) if out is not None else (),
    )


def _too_few(log: Log, pairs: Sequence[Evidence], least: int | None) -> set[str]:
    """Queries, among those with pairs, that fewer people than that have asked."""
    if least is None:
        return set()
    if not log.names_users:
        raise UsageError(
            "no line of the log names a user, so nobody can count people",
            hint="nightshift clicks LOG without --least-people",
        )
    people = log.people
    return {pair.query for pair in pairs if people.get(pair.query, 0) < least}


def _lines(logs: Sequence[Path]) -> Iterator[Record | Quarantined]:
    for path in logs:
        if not path.name.lower().endswith(JSON_LINES):
            raise UsageError(
                f"{path} is not a log of JSON lines: its name ends in none of "
                f"{', '.join(JSON_LINES)}",
                hint=f"mv {shlex.quote(str(path))} {shlex.quote(str(path))}.jsonl",
            )
        try:
            with path.open("rb") as stream:
                yield from read_objects(File(path.name, os.fstat(stream.fileno()).st_size, stream))
        except OSError as error:
            raise BatchError(
                f"{path} cannot be read: {error.strerror}", hint=f"ls -l {shlex.quote(str(path))}"
            ) from error


def _write(pairs: Sequence[Evidence], out: Path) -> Iterator[Path]:
    sources = sorted({pair.key[0] for pair in pairs})
    for number, source in enumerate(sources, start=1):
        folder = out if len(sources) == 1 else out.with_name(f"{out.name}-{number}")
        with new_folder(folder) as beside:
            _write_batch(beside, source, [pair for pair in pairs if pair.key[0] == source])
            mark(beside, folder.parent)
        yield folder


def _write_batch(folder: Path, source: str, pairs: Sequence[Evidence]) -> None:
    """The layout of BEIR; a batch has a corpus, and this one's is empty."""
    names = {pair.query: _name(pair.query) for pair in pairs}
    queries = [json.dumps({"_id": n, "text": q}, ensure_ascii=False) for q, n in names.items()]
    judged = [f"{names[pair.query]}\t{pair.key[1]}\t1" for pair in pairs]
    (folder / "batch.json").write_text(json.dumps({"source": source}) + "\n", "utf-8")
    (folder / "corpus.jsonl").write_text("", "utf-8")
    (folder / "queries.jsonl").write_text("\n".join(queries) + "\n", "utf-8")
    (folder / "qrels").mkdir()
    lines = ["query-id\tcorpus-id\tscore", *judged]
    (folder / "qrels" / "train.tsv").write_text("\n".join(lines) + "\n", "utf-8")


def _name(query: str) -> str:
    return "click-" + hashlib.sha256(query.encode()).hexdigest()[:16]


def _named(logs: Sequence[Path]) -> str:
    return ", ".join(str(path) for path in logs)
