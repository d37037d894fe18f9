"""A small world in one segment: two kinds, and questions that name topics among filler."""

from __future__ import annotations

import random
from pathlib import Path

import numpy as np
from conftest import WORDS

from pipeline.documents import Document, Pair, Passage
from pipeline.encoder import Encoder
from pipeline.library import Library
from pipeline.questions import Questions
from pipeline.segment import Segment, write_segment

KINDS = {"sea": (WORDS[:50], WORDS[50:60]), "law": (WORDS[100:150], WORDS[150:160])}
DOCUMENTS = 120


def topics(kind: str, number: int) -> list[str]:
    return random.Random(f"{kind} {number}").sample(KINDS[kind][0], 3)


def question(kind: str, number: int, wording: int = 0) -> str:
    """The topics of a document, drowned in filler of the kind's own."""
    choose = random.Random(f"{kind} {number} {wording}")
    return " ".join([*choose.choices(KINDS[kind][1], k=8), *topics(kind, number)])


def shelved(encoder: Encoder, folder: Path) -> Library:
    """Documents of two kinds; of the law, every fifth has two passages."""
    documents = [
        Document(kind, str(number), "", " ".join(topics(kind, number) * 2))
        for kind in KINDS
        for number in range(DOCUMENTS)
    ]
    cuts = [
        [Passage(0, 9), Passage(9, len(d.text))]
        if d.source == "law" and int(d.id) % 5 == 0
        else [Passage(0, len(d.text))]
        for d in documents
    ]
    texts = [d.text[c.start : c.end] for d, some in zip(documents, cuts, strict=True) for c in some]
    encoded = encoder.encode_documents(texts)
    features = np.zeros((len(documents), 1, 32), np.float16)
    write_segment(folder, documents, cuts, encoded.vectors, features)
    return Library({"s": Segment(folder)}, {})


def asked(encoder: Encoder, pairs: list[Pair]) -> Questions:
    return Questions(tuple(pairs), encoder.encode_queries([pair.query for pair in pairs]))


def about(encoder: Encoder, kind: str, wordings: int = 1) -> Questions:
    pairs = [
        Pair(question(kind, number, wording), (kind, str(number)))
        for number in range(DOCUMENTS)
        for wording in range(wordings)
    ]
    return asked(encoder, pairs)
