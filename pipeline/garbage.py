"""Recognising what nobody wrote: broken bytes, endless repeats, encoded data, random letters.

Every rule asks for a property that no language, script or notation has, and stays silent on texts
too short to tell. Tables, logs, code, lists, formulas and word salad are not garbage.

The thresholds were set on 210,000 real texts (ten retrieval corpora, program messages in 148
languages cut to 150 to 4,000 characters, source code, documentation, licences, data files) and on
generated garbage.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

EXAMINED = 20_000
"""Characters of a text that are looked at: enough for every rule, and a bound on the time."""


def garbage(text: str) -> str | None:
    """The reason why this is not a text that anyone wrote; None when it may well be one.

    >>> garbage("The moon pulls the sea, and the sea pulls back.")
    >>> garbage("All work and no play makes Jack a dull boy. " * 200)
    'the same words over and over'
    """
    examined = text[:EXAMINED]
    for reason, fires in RULES:
        if fires(examined):
            return reason
    return None


UNDECODABLE_SHARE = 0.05  # random bytes as Latin-1: .22; real texts: none above .05
UNDECODABLE_LEAST = 3  # a stray character or two says nothing about a short text
LAYOUT = frozenset("\t\n\v\f\r\b\x1b")  # tabs, line and page ends, overstrikes, terminal colours
BROKEN = frozenset(("Cc", "Cn", "Cs"))  # control, unassigned, half a surrogate pair


def _undecodable(text: str) -> bool:
    """Control characters, replacement characters and unassigned code points."""
    suspects = [c for c in text if not c.isprintable() and c not in LAYOUT]
    broken = text.count("\ufffd") + sum(unicodedata.category(c) in BROKEN for c in suspects)
    return broken >= UNDECODABLE_LEAST and broken > UNDECODABLE_SHARE * len(text)


MISREAD_SHARE = 0.5  # misread Russian: .9 and more; a text with some misread accents: .1 at most
MISREAD_LEAST = 8  # characters
MISREAD_AS = ("cp1252", "latin-1", "cp1251")
MULTIBYTE = re.compile(
    rb"(?:[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3})+"
)


def _misread(text: str) -> bool:
    """UTF-8 read in another character set: most characters turn back into valid UTF-8."""
    if text.isascii():
        return False
    enough = max(MISREAD_LEAST, MISREAD_SHARE * _visible(text))
    return any(
        sum(map(len, MULTIBYTE.findall(text.encode(codec, "replace")))) > enough
        for codec in MISREAD_AS
    )


REPEATED_FROM = 400  # characters; choruses and short forms repeat themselves too
REPEATED_WIDTH = 32  # a power of two; wider than a label, narrower than most sentences
REPEATED_DISTINCT = 0.1  # ten times the same: .1; two hundred times: .005
REPEATED_DIGITS = 0.25  # of what is not space; a table may well hold the same few numbers


def _repeated(text: str) -> bool:
    """Few of the stretches of 32 characters are distinct."""
    codes = _codes(" ".join(text.split())).astype(np.uint64)
    if len(codes) < REPEATED_FROM or _digits(text) > REPEATED_DIGITS * _visible(text):
        return False
    factor = np.uint64(0x9E3779B97F4A7C15)
    width = 1
    while width < REPEATED_WIDTH:
        codes = (codes[:-width] * factor) ^ (codes[width:] + (codes[:-width] >> np.uint64(29)))
        width *= 2
    return len(np.unique(codes)) < REPEATED_DISTINCT * len(codes)


ENCODED_FROM = 60  # encoded characters
ENCODED_SHARE = 0.8  # of what is not space; lists of checksums with file names lie below
ENCODED_RUN = re.compile(r"[A-Za-z0-9+/_-]{32,}")
HEXADECIMAL = re.compile(r"(?=.*[0-9])(?=.*[A-Fa-f])(?:[0-9a-f-]+|[0-9A-F-]+)")
SWITCHES = 0.45  # a pair; base64: .64; names in camelCase: .37 at most; words: 0
PAIR_OF_TWO_KINDS = re.compile(r"(?=[A-Z][a-z0-9]|[a-z][A-Z0-9]|[0-9][A-Za-z])")
PAIR_OF_ANY_KIND = re.compile(r"(?=[A-Za-z0-9]{2})")


def _encoded(text: str) -> bool:
    """Most of the text is base64, hexadecimal digits or a list of hashes."""
    lines = text.split()
    wrapped = len({len(line) for line in lines[:-1]}) == 1 and len(lines[0]) >= 32
    runs = ENCODED_RUN.findall("".join(lines) if wrapped else text)
    size = sum(len(run) for run in runs if HEXADECIMAL.fullmatch(run) or _alternates(run))
    return size >= ENCODED_FROM and size > ENCODED_SHARE * sum(map(len, lines))


def _alternates(run: str) -> bool:
    """Capitals, small letters and digits follow each other as if drawn from a hat."""
    switches = len(PAIR_OF_TWO_KINDS.findall(run))
    return switches > SWITCHES * len(PAIR_OF_ANY_KIND.findall(run))


WORD = re.compile(r"\b[^\W\d_]+\b")
LETTER_SHARE = 0.6  # of what is not space; below it a text is a table, a formula or code
ALPHABET = range(21, 65)  # fewer spell DNA and proteins, more are syllables or whole words
LETTER_EXCESS = 0.2  # bits a pair; at 300 pairs: random .14 at most, .05 % of texts below .35
LETTER_EVENNESS = 1.2  # 1 for a uniform draw; languages, also several in one text: 1.3 to 2.8
PAIRS_ENOUGH = 150  # below, excess and evenness are too uncertain, and vowels must be rare too
PAIRS_LEAST = 60
VOWEL_SHARE = 0.3  # six of the 26 letters drawn evenly: .23; languages: .35 to .5
VOWELS = frozenset("aeiouyæøœə\N{LATIN SMALL LETTER DOTLESS I}")


def _random_letters(text: str) -> bool:
    """In words of random letters one letter says nothing about the next, and all are as frequent.

    Capitals are left out: acronyms, product codes, stock symbols and protein sequences look random
    and mean something.
    """
    words = [word.casefold() for word in WORD.findall(text) if not word.isupper()]
    letters = "".join(words)
    if len(letters) < max(PAIRS_LEAST, LETTER_SHARE * _visible(text)):
        return False
    alphabet, codes = np.unique(_codes(letters), return_inverse=True)
    first = _first_of_pairs(words)
    if len(first) < PAIRS_LEAST or len(alphabet) not in ALPHABET:
        return False
    if _evenness(codes) > LETTER_EVENNESS:
        return False
    if len(first) < PAIRS_ENOUGH and not _few_vowels(letters):
        return False
    return _excess(codes, first, len(alphabet)) < LETTER_EXCESS


def _first_of_pairs(words: list[str]) -> NDArray[np.int64]:
    """Where, in the joined words, a letter is followed by one of the same word."""
    ends = np.cumsum([len(word) for word in words]) - 1
    return np.setdiff1d(np.arange(ends[-1] + 1), ends)


def _evenness(codes: NDArray[np.int64]) -> float:
    """The chance that two letters are the same, times the number of different letters."""
    counts = np.bincount(codes)
    size = len(codes)
    return float((counts * (counts - 1)).sum() / (size * (size - 1)) * len(counts))


def _few_vowels(letters: str) -> bool:
    """Latin letters of which hardly any are vowels; False for all other scripts."""
    bare = [c for c in unicodedata.normalize("NFKD", letters) if c.isalpha()]
    latin = sum(c in VOWELS or c.isascii() for c in bare)
    vowels = sum(c in VOWELS for c in bare)
    return latin > 0.95 * len(bare) and vowels < VOWEL_SHARE * len(bare)


def _excess(codes: NDArray[np.int64], first: NDArray[np.int64], alphabet: int) -> float:
    """Bits that a letter tells about the next one, beyond what the same letters shuffled tell.

    Counting finds some information in any small sample; the shuffles say how much of it is luck.
    """
    random = np.random.default_rng(0)
    shuffled = [_information(random.permutation(codes), first, alphabet) for _ in range(8)]
    return _information(codes, first, alphabet) - float(np.mean(shuffled))


def _information(codes: NDArray[np.int64], first: NDArray[np.int64], alphabet: int) -> float:
    """Mutual information of adjacent letters, in bits."""
    pairs = codes[first] * alphabet + codes[first + 1]
    table = np.bincount(pairs, minlength=alphabet**2).reshape(alphabet, alphabet) / len(first)
    return _entropy(table.sum(0)) + _entropy(table.sum(1)) - _entropy(table.ravel())


def _entropy(shares: NDArray[np.float64]) -> float:
    positive = shares[shares > 0]
    return -float((positive * np.log2(positive)).sum())


def _visible(text: str) -> int:
    """How many characters are not space."""
    return sum(map(len, text.split()))


def _digits(text: str) -> int:
    return sum(map(str.isdigit, text))


def _codes(text: str) -> NDArray[np.uint32]:
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


RULES: tuple[tuple[str, Callable[[str], bool]], ...] = (
    ("bytes that are not text", _undecodable),
    ("text read in the wrong character set", _misread),
    ("the same words over and over", _repeated),
    ("encoded data", _encoded),
    ("words of random letters", _random_letters),
)
