"""What is told about one version, as plain facts that no tracking server need understand."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

KEY_SEPARATOR = "/"


@dataclass(frozen=True)
class Dataset:
    """A batch that a version took: its name and digest, never its contents."""

    name: str
    digest: str
    source: str


@dataclass(frozen=True)
class Record:
    """A version, or a part of one, for people to look at.

    `key` is the manifest's digest (for a part: with the part's name), so two stores that share a
    history share its records and two that parted do not. `milliseconds` is when the version was
    published and `took` how long it took to make. `files` are by path, bytes or a file to copy.
    `aliases` are the versions, by key, that the names `champion` and `previous` stand for once
    this record is told; only the live version's record has any.

    >>> night = Record("version 2", "ab", store="cd", version=2, milliseconds=1000, took=10)
    >>> night.part("gate").key
    'ab/gate'
    """

    name: str
    key: str
    store: str
    version: int
    milliseconds: int
    took: int
    model: str = "nightshift"
    parameters: Mapping[str, str] = field(default_factory=dict)
    metrics: Mapping[str, float] = field(default_factory=dict)
    tags: Mapping[str, str] = field(default_factory=dict)
    datasets: tuple[Dataset, ...] = ()
    files: Mapping[str, bytes | Path] = field(default_factory=dict)
    children: tuple[Record, ...] = ()
    aliases: Mapping[str, str] = field(default_factory=dict)

    def part(
        self,
        name: str,
        took: int = 0,
        parameters: Mapping[str, str] | None = None,
        metrics: Mapping[str, float] | None = None,
    ) -> Record:
        """A record of one step of this version."""
        return Record(
            name,
            self.key + KEY_SEPARATOR + name,
            self.store,
            self.version,
            self.milliseconds,
            took,
            self.model,
            parameters or {},
            metrics or {},
        )
