"""The words of an HTML page.

Python 3.11's html.parser takes hours over a hostile megabyte. This takes every character once.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

RAW = {name: re.compile(f"</{name}", re.IGNORECASE) for name in ("script", "style")}
UNSEEN = frozenset(("template", "noscript", "svg"))
INLINE = re.compile(
    "/?(?:a|abbr|b|bdi|bdo|cite|code|dfn|em|font|i|kbd|mark|q|s|samp|small|span|strong|sub|sup|tt|"
    "u|var|wbr)?"
)
TAG = re.compile(r"/?[a-z][^\s/>]*", re.IGNORECASE)
ENDLESS_NUMBER = re.compile(r"&#[0-9]{8,};?")
SPACES = re.compile(r"[ \t\r\f]+")
BLANK_LINES = re.compile(r"\n[ \n]*\n")


def read_page(page: str) -> tuple[str, str]:
    """Title (`<title>`, else the first `<h1>`, else empty) and visible text.

    >>> read_page("<title>Tides</title><script>x()</script><p>The <b>moon</b> pulls &amp; pulls.")
    ('Tides', 'The moon pulls & pulls.')
    """
    heard: dict[str, list[str]] = {"title": [], "h1": []}
    seen: list[str] = []
    hidden = inside = ""
    for tag, text in _pieces(page):
        if tag in heard and not heard[tag]:
            inside = tag
        elif tag == f"/{inside}":
            inside = ""
        if not hidden and tag in UNSEEN:
            hidden = tag
        elif tag == f"/{hidden}":
            hidden = ""
        if inside:
            heard[inside].append(text)
        if not hidden and inside != "title":
            seen += [text] if INLINE.fullmatch(tag) else ["\n", text]
    title, heading = (" ".join("".join(words).split()) for words in heard.values())
    return title or heading, _tidy("".join(seen))


def _pieces(page: str) -> Iterator[tuple[str, str]]:
    """Tags by their names, in small letters, each with the text that follows it."""
    tag, start = "", 0
    while True:
        cut = _markup(page, start)
        yield tag, html.unescape(ENDLESS_NUMBER.sub("\ufffd", page[start:cut]))
        comment = page.startswith("<!--", cut)
        end = page.find("-->" if comment else ">", cut)
        if cut == len(page) or end < 0:
            return
        start = end + (3 if comment else 1)
        name = TAG.match(page, cut + 1)
        tag = name[0].lower() if name else ""
        if tag in RAW:
            closing = RAW[tag].search(page, start)
            if closing is None:
                return
            start = closing.start()


def _markup(page: str, start: int) -> int:
    """Where the next tag or comment begins; a lone `<` is text."""
    cut = page.find("<", start)
    while cut >= 0:
        following = page[cut + 1 : cut + 2]
        if following in ("!", "?", "/") or (following.isascii() and following.isalpha()):
            return cut
        cut = page.find("<", cut + 1)
    return len(page)


def _tidy(text: str) -> str:
    lines = SPACES.sub(" ", text).split("\n")
    return BLANK_LINES.sub("\n\n", "\n".join(line.strip() for line in lines)).strip()
