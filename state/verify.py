"""Read every byte that any version needs, and say what is not as it was written."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from nightshift.errors import StoreDamaged
from state import collected, log, met, sealed, versions
from state import head as heads
from state.head import Head
from state.manifest import Manifest
from state.objects import SUCCESSORS, Objects

MIGRATION = "migration.json"
"""What a migration has done so far, while one is under way: the one who migrates writes it."""

Progress = Callable[[str, int, int], None]
"""Called with (what is read next, how many were read, how many there are)."""


@dataclass(frozen=True)
class Damage:
    """A damaged file or folder of the store, by its path inside, and the versions that need it."""

    what: str
    reason: str
    versions: tuple[int, ...]


def verify(root: Path, objects: Objects, progress: Progress | None = None) -> list[Damage]:
    """All damage in the store, [] if it is sound; one damaged thing hides no other.

    Takes no lock and may run beside a writer. Not damage: a last line that the log lacks, which is
    what a kill leaves and the next writer adds.
    """
    before, _ = _live(root)
    logged = log.content(root)
    head, damage = _live(root)
    if head is None:
        return damage
    sound: dict[Head, Manifest] = {}
    for here, found in versions.walk(root, head):
        if isinstance(found, Manifest):
            sound[here] = found
        else:
            damage.append(Damage(versions.name(here.version), found, (here.version,)))
    finished = (before or head).version - 1
    damage += _log_damage(logged, sound, least=finished, most=head.version)
    damage += _sealed_damage(root)
    return damage + _object_damage(objects, _standing(root, sound), progress)


def _live(root: Path) -> tuple[Head | None, list[Damage]]:
    """What HEAD names or, where only the log knows better, what that does; and HEAD's damage."""
    head, reason = None, "does not name a sound manifest"
    try:
        head = heads.read(root)
    except StoreDamaged as error:
        reason = error.message
    else:
        if head is None or isinstance(versions.look(root, head), Manifest):
            return head, []
    known = log.digests(root)
    last = Head(max(known), known[max(known)]) if known else None
    if last and (head is None or isinstance(versions.look(root, last), Manifest)):
        advice = f"{reason}; by the log it is: {last.version} {last.digest}"
        return last, [Damage("HEAD", advice, (last.version,))]
    return head, [Damage("HEAD", reason, ())] if head is None else []


def _log_damage(
    logged: bytes, sound: Mapping[Head, Manifest], *, least: int, most: int
) -> list[Damage]:
    """Compare the log, byte for byte, with the lines that the sound manifests must have.

    At `least` so many moves were finished before the log was read, and at `most` so many since.
    """
    expected = {here.version: log.line(found, here.digest) for here, found in sound.items()}
    lines = logged.split(b"\n")
    torn = lines.pop()
    for number, text in enumerate(lines, 1):
        if expected.get(number, text + b"\n") != text + b"\n":
            return [Damage("log", f"line {number} is not what was written", (number,))]
    if not expected.get(len(lines) + 1, torn).startswith(torn):
        return [Damage("log", "ends in what was never written", ())]
    if not least <= len(lines) <= most - bool(torn):
        return [Damage("log", f"has {len(lines)} of {most} moves", ())]
    return []


def _sealed_damage(root: Path) -> Iterator[Damage]:
    single = (collected.FILE, met.FILE, SUCCESSORS, MIGRATION)
    for path in [*(root / name for name in single), *sorted(root.glob("pins/*.json"))]:
        try:
            sealed.read(path)
        except StoreDamaged:
            version = (int(path.stem),) if path.stem.isdigit() else ()
            yield Damage(path.relative_to(root).as_posix(), sealed.BROKEN, version)


def _standing(root: Path, sound: Mapping[Head, Manifest]) -> dict[Head, Manifest]:
    """Without the versions whose objects were collected, if it can be read which those are."""
    try:
        gone = collected.read(root)
    except StoreDamaged:
        gone = frozenset()
    return {here: manifest for here, manifest in sound.items() if here.version not in gone}


def _object_damage(
    objects: Objects, sound: Mapping[Head, Manifest], progress: Progress | None
) -> list[Damage]:
    needed: dict[str, list[int]] = defaultdict(list)
    for here, manifest in sound.items():
        for object_id in manifest.objects:
            needed[_place(objects, object_id)].append(here.version)
    damage = []
    for done, object_id in enumerate(sorted(needed)):
        what = f"objects/{object_id[:2]}/{object_id[2:]}"
        if progress is not None:
            progress(what, done, len(needed))
        reason = objects.check(object_id)
        if reason is not None:
            damage.append(Damage(what, reason, tuple(sorted(needed[object_id]))))
    return damage


def _place(objects: Objects, object_id: str) -> str:
    try:
        return objects.place(object_id)
    except StoreDamaged:
        return object_id
