"""C++ source code: of every documented declaration, the comment's summary and the code under it."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator

from nightshift.demo.modules import Module
from nightshift.demo.texts import Described

# A comment that starts with ///< is about what stands before it.
COMMENTED = re.compile(
    r"(?P<comment>(?:^[ \t]*///(?!<).*\n)+)(?P<code>(?:^[ \t]*(?!//)\S.*\n)+)", re.MULTILINE
)
SLASHES = re.compile(r"^[ \t]*///+ ?", re.MULTILINE)
MARKUP = re.compile(r"[\\@](?:brief|ref|c|p|a)\s+")
END_OF_SUMMARY = re.compile(r"(?<=\.)\s|\n\s*\n|\n\s*[\\@]")


def declarations(header: Module) -> Iterator[Described]:
    """Every declaration of a C++ header that has a documentation comment (`///`)."""
    try:
        source = header.path.read_text("utf-8")
    except (OSError, ValueError):
        return
    for found in COMMENTED.finditer(source):
        comment = MARKUP.sub("", SLASHES.sub("", found["comment"])).strip()
        summary = " ".join(END_OF_SUMMARY.split(comment, maxsplit=1)[0].split())
        line = 1 + source.count("\n", 0, found.start("code"))
        # cleandoc leaves the first line's indent alone, so it gets an empty one.
        yield Described(f"{header.name}:{line}", summary, inspect.cleandoc("\n" + found["code"]))
