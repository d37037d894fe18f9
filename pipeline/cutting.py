"""Passages that the encoder can read to the end, or nearly.

A passage is a number of words (pipeline/documents.py), and an encoder reads a number of tokens.
English prose fits; source code, German compounds and scripts without spaces have far more tokens a
word, and what lies behind the last token that is read would have no vector at all. A passage of
which less than two thirds would be read is cut again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from pipeline.documents import Document, Passage, passages, words_of
from pipeline.encoder import Encoder

TOLERATED = 1.5
"""Tokens of a passage for each that is read: a short rest is worth no second vector."""


def cut(encoder: Encoder, documents: Sequence[Document]) -> tuple[tuple[Passage, ...], ...]:
    """The passages of each document; every character belongs to exactly one."""
    whole = [passages(document) for document in documents]
    texts = [
        document.text[p.start : p.end]
        for document, own in zip(documents, whole, strict=True)
        for p in own
    ]
    tokens = iter(encoder.count_tokens(texts))
    return tuple(
        tuple(
            part for passage in own for part in _readable(encoder, document, passage, next(tokens))
        )
        for document, own in zip(documents, whole, strict=True)
    )


def _readable(encoder: Encoder, document: Document, passage: Passage, tokens: int) -> list[Passage]:
    room, words = encoder.checkpoint.max_length, words_of(document, passage)
    if tokens <= TOLERATED * room or words < 2:
        return [passage]
    stretch = replace(document, text=document.text[passage.start : passage.end])
    parts = [
        Passage(passage.start + part.start, passage.start + part.end)
        for part in passages(stretch, max(1, words * room // tokens))
    ]
    counted = encoder.count_tokens([document.text[part.start : part.end] for part in parts])
    return [
        smaller
        for part, count in zip(parts, counted, strict=True)
        for smaller in _readable(encoder, document, part, count)
    ]
