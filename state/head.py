"""HEAD: the number and the hash of the live manifest, and the one thing that ever moves."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from pathlib import Path

from nightshift.errors import StoreDamaged
from state import durable, log

_FORM = re.compile(rb"([1-9][0-9]*) ([0-9a-f]{64})\n")


@dataclass(frozen=True)
class Head:
    """A version and the digest of its manifest."""

    version: int
    digest: str

    def to_bytes(self) -> bytes:
        """
        >>> Head(42, "ab" * 32).to_bytes()[:9]
        b'42 ababab'
        """
        return f"{self.version} {self.digest}\n".encode()


def read(root: Path) -> Head | None:
    """The live version, None if nothing was ever published; StoreDamaged if HEAD was lost."""
    try:
        data = (root / "HEAD").read_bytes()
    except FileNotFoundError:
        # The log is written after HEAD: where it has a line, there was a HEAD.
        if log.content(root):
            raise damaged(root, "HEAD is missing") from None
        return None
    match = _FORM.fullmatch(data)
    if match is None:
        raise damaged(root, "HEAD does not hold a version and a digest")
    return Head(int(match[1]), match[2].decode())


def replace(root: Path, head: Head) -> None:
    """Make `head` live. Readers see the old one or the new one."""
    durable.replace(root / "HEAD", head.to_bytes())


def damaged(root: Path, sentence: str) -> StoreDamaged:
    """The error, with the command that sets HEAD to the last version that the log knows."""
    known = log.digests(root)
    hint = "nightshift verify"
    if known:
        last = Head(max(known), known[max(known)])
        hint = f"echo {last.version} {last.digest} > {shlex.quote(str(root / 'HEAD'))}"
    return StoreDamaged(sentence, hint=hint)
