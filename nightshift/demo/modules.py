"""Source files that every machine with nightshift on it has: read as text, never imported."""

from __future__ import annotations

import hashlib
import sys
import sysconfig
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import files
from pathlib import Path, PurePath

PROGRAMS = ("idlelib", "lib2to3", "ensurepip", "turtledemo")
TESTS = ("test", "testing", "tests")
LEFT_OUT = frozenset((*PROGRAMS, *TESTS, "encodings", "__pycache__"))


@dataclass(frozen=True)
class Module:
    """A source file and the name it goes by."""

    name: str
    path: Path


def standard_library() -> list[Module]:
    """The public Python modules of the standard library."""
    root = Path(sysconfig.get_path("stdlib"))
    public = sorted(name for name in sys.stdlib_module_names if not name.startswith("_"))
    found = [
        path.relative_to(root)
        for name in public
        for path in (root / f"{name}.py", *(root / name).rglob("*.py"))
        if path.is_file() and not path.name.startswith("_")
    ]
    return _in_order(Module(_dotted(place), root / place) for place in found if _wanted(place))


def headers(distribution: str) -> list[Module]:
    """The C++ headers that an installed distribution brings along."""
    return _in_order(
        Module(str(file).partition("include/")[2], Path(str(file.locate())))
        for file in files(distribution) or ()
        if file.suffix == ".h" and "include" in file.parts and _wanted(file)
    )


def shuffled(name: str) -> bytes:
    """A sort key: an order that follows from the names and has nothing to do with them."""
    return hashlib.sha256(name.encode("utf-8", "surrogateescape")).digest()


def _in_order(modules: Iterable[Module]) -> list[Module]:
    return sorted(modules, key=lambda module: shuffled(module.name))


def _wanted(place: PurePath) -> bool:
    return not LEFT_OUT & set(place.parts)


def _dotted(place: PurePath) -> str:
    """
    >>> _dotted(PurePath("json/decoder.py"))
    'json.decoder'
    """
    return ".".join(place.with_suffix("").parts)
