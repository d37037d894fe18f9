"""The numbered manifests, each with the digest of the one before it.

The chain starts at HEAD, so one digest vouches for all of history. A damaged manifest breaks it;
from there the log's digests, which are the same ones, take over.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Iterator
from pathlib import Path

from nightshift.errors import StoreBusy, StoreDamaged
from state import durable, log
from state.head import Head
from state.manifest import Manifest, digest


def name(version: int) -> str:
    """
    >>> name(42)
    'versions/00000042.json'
    """
    return f"versions/{version:08}.json"


def link(root: Path, manifest: Manifest) -> Head:
    """Give the manifest its number, for good; StoreBusy if the number is taken."""
    data = manifest.to_bytes()
    place = root / name(manifest.version)
    temporary = root / "tmp" / place.name
    durable.write_new(temporary, data)
    try:
        os.link(temporary, place)
    except FileExistsError:
        raise StoreBusy(
            f"version {manifest.version} was written by another process",
            hint="type the same command again",
        ) from None
    finally:
        temporary.unlink(missing_ok=True)
    durable.sync(place.parent)
    return Head(manifest.version, digest(data))


def read(root: Path, head: Head) -> Manifest:
    """The manifest of that version; StoreDamaged unless it has that digest.

    Where the log says that `head` is right, nothing but a copy of the manifest mends it.
    """
    found = look(root, head)
    if isinstance(found, str) and log.digests(root).get(head.version) == head.digest:
        place = name(head.version)
        raise StoreDamaged(
            f"{place} is damaged: {found}",
            hint=f"cp BACKUP/{place} {shlex.quote(str(root / place))}",
        )
    return sound(head, found)


def look(root: Path, head: Head) -> Manifest | str:
    """The manifest of that version, or in a few words what is wrong with it."""
    try:
        data = (root / name(head.version)).read_bytes()
    except FileNotFoundError:
        return "missing"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    if digest(data) != head.digest:
        return "its bytes are not what was published"
    return Manifest.from_bytes(data)


def sound(head: Head, found: Manifest | str) -> Manifest:
    """What `look` found, or StoreDamaged if it is no manifest."""
    if isinstance(found, str):
        raise StoreDamaged(f"{name(head.version)} is damaged: {found}", hint="nightshift verify")
    return found


def walk(root: Path, head: Head) -> Iterator[tuple[Head, Manifest | str]]:
    """`look` at every version from `head` back to the first; one that is damaged hides no other."""
    trusted = head.digest
    for version in range(head.version, 0, -1):
        here = Head(version, trusted)
        found = look(root, here)
        yield here, found
        if isinstance(found, Manifest):
            trusted = found.parent_digest or ""
        else:
            trusted = log.digests(root).get(version - 1, "")


def drop_after(root: Path, version: int) -> None:
    """Remove manifests that were given a number and never became live."""
    for path in (root / "versions").glob("*.json"):
        if path.stem.isdigit() and int(path.stem) > version:
            path.unlink()
