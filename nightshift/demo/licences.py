"""Licence texts of the installed packages, paragraph by paragraph."""

from __future__ import annotations

from collections.abc import Iterator
from importlib.metadata import Distribution, distributions

from nightshift.demo.modules import shuffled
from nightshift.demo.texts import Text, shortened

NAMES = ("LICENSE", "LICENCE", "COPYING", "NOTICE")
FEWEST_WORDS = 25


def licences() -> list[Text]:
    """Paragraphs that differ in more than their layout, in an order that is the same everywhere."""
    found: dict[str, Text] = {}
    for distribution in sorted(distributions(), key=lambda each: each.name):
        for text in _paragraphs(distribution):
            found.setdefault(" ".join(text.text.split()).casefold(), text)
    return sorted(found.values(), key=lambda text: shuffled(text.text))


def _paragraphs(distribution: Distribution) -> Iterator[Text]:
    files = distribution.files or ()
    for file in sorted(file for file in files if file.name.upper().startswith(NAMES)):
        try:
            page = file.read_text("utf-8")
        except (OSError, ValueError):
            continue
        for number, paragraph in enumerate(page.split("\n\n"), start=1):
            if len(paragraph.split()) >= FEWEST_WORDS:
                place = "/".join((distribution.name, *file.parts[1:]))
                yield Text(f"{place}:{number}", shortened(paragraph))
