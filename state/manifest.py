"""One version of everything as a page of JSON: which objects it is made of, and why it exists."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, Self

from nightshift.errors import StoreDamaged, StoreError

FORMAT = 1


@dataclass(frozen=True)
class Manifest:
    """What a version is made of, and the facts about how it came to be.

    `index` and `modules` name objects by their ids; `encoder` and `facts` are free JSON (string
    keys, no NaN). `parent_digest` is filled in when the version is published: it makes the live
    version vouch for every older one.

    >>> first = Manifest(1, None, "2031-05-01T02:00:00Z", "init", "first", {"name": "mini"},
    ...                  index={"tombstones": "ab" * 32}, modules={}, facts={"documents": 3})
    >>> first.objects == ("ab" * 32,)
    True
    >>> Manifest.from_bytes(first.to_bytes()) == first
    True
    """

    version: int
    parent: int | None
    time: str
    kind: str
    reason: str
    encoder: Mapping[str, Any]
    index: Mapping[str, str]
    modules: Mapping[str, str]
    facts: Mapping[str, Any]
    parent_digest: str | None = None

    @property
    def objects(self) -> tuple[str, ...]:
        """Every object the version needs, sorted, each once."""
        return tuple(sorted({*self.index.values(), *self.modules.values()}))

    def to_bytes(self) -> bytes:
        """Canonical JSON: equal manifests have equal bytes. ValueError for NaN and infinities."""
        body = {field.name: getattr(self, field.name) for field in fields(self)}
        plain = {name: dict(v) if isinstance(v, Mapping) else v for name, v in body.items()}
        page = {"format": FORMAT, **plain}
        return (json.dumps(page, sort_keys=True, indent=2, allow_nan=False) + "\n").encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> Self:
        """The manifest written as `data`; StoreError if a newer nightshift wrote it."""
        try:
            page = json.loads(data)
            written = page.pop("format")
        except (ValueError, TypeError, AttributeError, KeyError):
            raise _not_a_manifest() from None
        if isinstance(written, int) and written > FORMAT:
            raise StoreError(
                f"the manifest has format {written} and this nightshift reads up to {FORMAT}",
                hint="pip install --upgrade nightshift",
            )
        if set(page) != {field.name for field in fields(cls)}:
            raise _not_a_manifest()
        return cls(**page)


def digest(data: bytes) -> str:
    """The SHA-256 by which HEAD, the log and the next manifest name these bytes."""
    return hashlib.sha256(data).hexdigest()


def _not_a_manifest() -> StoreDamaged:
    return StoreDamaged("these bytes are not a manifest", hint="nightshift verify")
