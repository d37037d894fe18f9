"""A stream: what arrives on which night, and what may be asked afterwards.

The file's form: `bootstrap` is a list of parts, each of `nights` has `name`, and some of `add`,
`delete` and `update` (lists of parts) and `accept` (sets of outcomes that count as right). A part
is a `domain`, and the stretch [a, b) of it if `part` says so; or so many documents of `garbage`.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.quality.domains import TEST, TEST_SEEN, TRAIN, Domain, Text, place
from bench.quality.garbage import garbage
from nightshift.errors import BatchError
from pipeline.judged import JudgedQuery

BOOTSTRAP = "bootstrap"
REVIEWED = "Reviewed and confirmed this year."


@dataclass(frozen=True)
class Part:
    """The documents of a domain whose place lies in [1000 start, 1000 end)."""

    domain: str
    start: float = 0.0
    end: float = 1.0

    def of(self, domains: Mapping[str, Domain]) -> Iterator[tuple[str, Text]]:
        """Each document with the name it has in the stream."""
        for document in domains[self.domain].documents:
            if 1000 * self.start <= place(document.id) < 1000 * self.end:
                yield named(self.domain, document.id), document


@dataclass(frozen=True)
class Planned:
    """A night as the stream's file plans it; the first corpus is one too."""

    name: str
    add: tuple[Part, ...] = ()
    delete: tuple[Part, ...] = ()
    update: tuple[Part, ...] = ()
    garbage: int = 0
    accept: tuple[frozenset[str], ...] = ()


@dataclass(frozen=True)
class Asked:
    """What may be asked of one domain after a night: queries with the live documents they mean."""

    domain: str
    split: str
    ids: tuple[str, ...]
    texts: tuple[str, ...]
    grades: tuple[Mapping[str, int], ...]


@dataclass(frozen=True)
class Night:
    """A night as it is handed over, and the questions after it."""

    name: str
    corpus: tuple[Mapping[str, Any], ...]
    pairs: tuple[tuple[str, JudgedQuery], ...]
    asked: tuple[Asked, ...]
    accept: tuple[frozenset[str], ...]
    joins: tuple[str, ...] = ()
    """The names of the nights that this one stands for, where it is not a single one."""

    def write(self, folder: Path) -> Path:
        """The night as a batch: no name, no label, training queries only."""
        (folder / "qrels").mkdir(parents=True, exist_ok=True)
        _write_lines(folder / "corpus.jsonl", self.corpus)
        queries = [{"_id": id_, "text": query.text} for id_, query in self.pairs]
        _write_lines(folder / "queries.jsonl", queries)
        lines = ["query-id\tcorpus-id\tscore"]
        for id_, query in self.pairs:
            lines += [
                f"{id_}\t{document}\t{grade}" for (_, document), grade in query.grades.items()
            ]
        (folder / "qrels" / "train.tsv").write_text("\n".join(lines) + "\n", "utf-8")
        return folder


@dataclass(frozen=True)
class Stream:
    name: str
    planned: tuple[Planned, ...]
    digest: str = ""
    """SHA-256 of the file."""

    @property
    def domains(self) -> list[str]:
        """In the order of their arrival."""
        return list(dict.fromkeys(part.domain for night in self.planned for part in night.add))

    def nights(self, domains: Mapping[str, Domain]) -> Iterator[Night]:
        """Every night in turn, the first corpus first."""
        live: dict[str, Text] = {}
        ever: set[str] = set()
        waiting = [
            (domain, split, _in_stream(domain, query))
            for domain in self.domains
            for split in (TRAIN, TEST, TEST_SEEN)
            for query in domains[domain].queries.get(split, ())
        ]
        arrived: list[tuple[str, str, JudgedQuery]] = []
        for planned in self.planned:
            corpus = list(_changes(planned, domains, live))
            ever |= live.keys()
            ready = [ever.issuperset(id_ for _, id_ in query.grades) for *_, query in waiting]
            tonight = [entry for entry, arrives in zip(waiting, ready, strict=True) if arrives]
            waiting = [entry for entry, arrives in zip(waiting, ready, strict=True) if not arrives]
            arrived += tonight
            pairs = tuple((query.id, query) for _, split, query in tonight if split == TRAIN)
            asked = tuple(_asked(arrived, live, self.domains))
            yield Night(planned.name, tuple(corpus), pairs, asked, planned.accept)


def read_stream(file: Path) -> Stream:
    """The stream that a file plans."""
    try:
        page = json.loads(file.read_text("utf-8"))
        first = Planned(BOOTSTRAP, add=tuple(map(_part, page["bootstrap"])))
        nights = tuple(map(_planned, page["nights"]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BatchError(
            f"{file} is not a stream: {type(error).__name__} {error}",
            hint="a stream has bootstrap and nights, each with add, delete, update or garbage",
        ) from error
    return Stream(file.stem, (first, *nights), hashlib.sha256(file.read_bytes()).hexdigest())


def named(domain: str, id_: str) -> str:
    """A document's or query's name in the stream; ids of different domains may collide."""
    return f"{domain}/{id_}"


def _part(page: Mapping[str, Any]) -> Part:
    start, end = page.get("part", (0.0, 1.0))
    return Part(page["domain"], float(start), float(end))


def _planned(page: Mapping[str, Any]) -> Planned:
    added = page.get("add", ())
    return Planned(
        page["name"],
        add=tuple(_part(part) for part in added if "domain" in part),
        delete=tuple(map(_part, page.get("delete", ()))),
        update=tuple(map(_part, page.get("update", ()))),
        garbage=sum(int(part["garbage"]) for part in added if "garbage" in part),
        accept=tuple(frozenset(outcomes) for outcomes in page.get("accept", ())),
    )


def _changes(
    planned: Planned, domains: Mapping[str, Domain], live: dict[str, Text]
) -> Iterator[dict[str, Any]]:
    """The lines of a night's corpus; `live` is changed along with them."""
    for part in planned.add:
        for name, document in part.of(domains):
            live[name] = document
            yield {"_id": name, "title": document.title, "text": document.text}
    for part in planned.update:
        for name, document in part.of(domains):
            if name in live:
                text = f"{document.text} {REVIEWED}"
                yield {"_id": name, "title": document.title, "text": text}
    for part in planned.delete:
        for name, _ in part.of(domains):
            if live.pop(name, None):
                yield {"_id": name, "_deleted": True}
    for number, text in enumerate(garbage(planned.garbage)):
        yield {"_id": f"garbage/{number}", "title": "", "text": text}


def _in_stream(domain: str, query: JudgedQuery) -> JudgedQuery:
    grades = {("default", named(domain, id_)): grade for (_, id_), grade in query.grades.items()}
    return JudgedQuery(named(domain, query.id), query.text, grades)


def _asked(
    arrived: list[tuple[str, str, JudgedQuery]], live: Mapping[str, Text], domains: list[str]
) -> Iterator[Asked]:
    for wanted in domains:
        for split in (TEST, TEST_SEEN):
            queries = [q for domain, of, q in arrived if (domain, of) == (wanted, split)]
            grades = [{id_: g for (_, id_), g in q.grades.items() if id_ in live} for q in queries]
            kept = [(q, g) for q, g in zip(queries, grades, strict=True) if g]
            if kept:
                yield Asked(
                    wanted,
                    split,
                    tuple(query.id for query, _ in kept),
                    tuple(query.text for query, _ in kept),
                    tuple(there for _, there in kept),
                )


def _write_lines(file: Path, pages: Any) -> None:
    file.write_text("".join(json.dumps(page) + "\n" for page in pages), "utf-8")
