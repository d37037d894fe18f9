"""Retrieval domains in BEIR layout: documents, and queries split by what is known about them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from nightshift.errors import BatchError
from pipeline.judged import JudgedQuery, read_judged

TRAIN, TEST, TEST_SEEN = "train", "test", "test_seen"
SPLITS = (TRAIN, TEST, TEST_SEEN)


@dataclass(frozen=True)
class Text:
    """A document as its domain holds it."""

    id: str
    title: str
    text: str


@dataclass(frozen=True)
class Domain:
    """`queries[split]` are judged by documents of this domain alone."""

    name: str
    documents: tuple[Text, ...]
    queries: Mapping[str, tuple[JudgedQuery, ...]]

    @property
    def judged(self) -> frozenset[str]:
        """Every document that some query is about."""
        return frozenset(
            id_ for queries in self.queries.values() for query in queries for _, id_ in query.grades
        )

    def sampled(self, share: float) -> Domain:
        """Every judged document, and this share of all others, by hash."""
        judged = self.judged
        kept = (one for one in self.documents if one.id in judged or _place(one.id) < 1000 * share)
        return replace(self, documents=tuple(kept))


def read_domain(folder: Path) -> Domain:
    """A domain from `corpus.jsonl`, `queries.jsonl` and `qrels/{train,test,test_seen}.tsv`."""
    corpus = folder / "corpus.jsonl"
    if not corpus.is_file():
        raise BatchError(f"{corpus} is not there: a domain is a folder in BEIR layout")
    lines = corpus.read_text("utf-8").splitlines()
    documents = tuple(
        Text(str(page["_id"]), page.get("title") or "", page["text"])
        for page in map(json.loads, filter(None, lines))
    )
    queries = {
        split: tuple(read_judged(folder, split))
        for split in SPLITS
        if (folder / "qrels" / f"{split}.tsv").is_file()
    }
    return Domain(folder.name, documents, queries)


def read_domains(data: Path, names: Sequence[str], share: float) -> dict[str, Domain]:
    """The named domains of a folder, sampled."""
    return {name: read_domain(data / name).sampled(share) for name in names}


def place(id_: str) -> int:
    """Where a document stands in its domain, from 0 to 999: int(md5(_id), 16) % 1000."""
    return int(hashlib.md5(id_.encode(), usedforsecurity=False).hexdigest(), 16) % 1000


def _place(id_: str) -> int:
    # Another hash than the stream's parts: a part must not be sampled more than another.
    return int(hashlib.sha256(id_.encode()).hexdigest(), 16) % 1000
