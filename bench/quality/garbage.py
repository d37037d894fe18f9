"""Documents that nobody should find: what a broken export or a crawler's accident looks like."""

from __future__ import annotations

import base64
import random
import string

SENTENCE = "This page is intentionally left blank for the time being."


def garbage(count: int, seed: int = 0) -> list[str]:
    """In equal parts: random bytes read as Latin-1, words of random letters, one sentence repeated
    two hundred times, base64 of random bytes.

    >>> len(garbage(8)), garbage(8) == garbage(8)
    (8, True)
    """
    choose = random.Random(seed)
    makers = (_bytes, _letters, lambda _: " ".join([SENTENCE] * 200), _base64)
    return [makers[number % len(makers)](choose) for number in range(count)]


def _bytes(choose: random.Random) -> str:
    return choose.randbytes(400).decode("latin-1")


def _letters(choose: random.Random) -> str:
    words = (choose.choices(string.ascii_lowercase, k=choose.randint(3, 12)) for _ in range(60))
    return " ".join("".join(word) for word in words)


def _base64(choose: random.Random) -> str:
    return base64.b64encode(choose.randbytes(400)).decode("ascii")
