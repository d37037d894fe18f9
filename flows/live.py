"""A version come alive: its documents, its modules, its encoder, ready to be asked."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from flows.modules import Modules, load_expert, load_modules, load_overlays
from flows.settings import Settings
from nightshift.errors import EncoderMismatch
from pipeline.checkpoint import locate
from pipeline.composition.methods import COMPOSITIONS
from pipeline.encoder import Encoder
from pipeline.experts.base import Expert
from pipeline.index import Built, Index
from pipeline.library import Dead, Library
from pipeline.overlay import Overlaid, Overlay
from pipeline.retriever import Retriever
from pipeline.segment import Segment
from state.leases import Lease
from state.manifest import Manifest
from state.store import Store

SEGMENT, TOMBSTONES = "segment/", "tombstones"


class Live:
    """Everything of one version, opened by hash; parts load when they are first needed."""

    def __init__(
        self,
        store: Store,
        manifest: Manifest,
        lease: Lease,
        encoder: Encoder | None = None,
        settings: Settings | None = None,
    ) -> None:
        self.store = store
        self.manifest = manifest
        self._lease = lease
        self._encoder = encoder
        self._settings = settings
        self._segments: dict[str, Segment] = {}
        self._built: Built = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        """Take the experts out of the encoder, which may serve another version next; let gc go."""
        self.release()
        if "experts" in self.__dict__:
            for expert in self.experts.values():
                expert.detach()

    @cached_property
    def settings(self) -> Settings:
        """The settings to work with; unless others were given, those of the version."""
        return self._settings or Settings.from_json(dict(self.manifest.facts["settings"]))

    @cached_property
    def library(self) -> Library:
        return read_library(self.store, self.manifest.index, self._segments)

    @cached_property
    def modules(self) -> Modules:
        return load_modules(self.store, self.manifest.modules)

    @cached_property
    def encoder(self) -> Encoder:
        """The encoder that made this version's vectors, and no other."""
        encoder = self._encoder or Encoder(locate(self.manifest.encoder["source"]))
        if encoder.fingerprint != self.manifest.encoder["fingerprint"]:
            raise EncoderMismatch(
                f"{encoder.checkpoint.name} is not the encoder that made the vectors of "
                f"version {self.manifest.version} ({self.manifest.encoder['name']})",
                hint="nightshift init --encoder ENCODER --corpus PATH --store A_NEW_FOLDER",
            )
        return encoder

    @cached_property
    def index(self) -> Index:
        return self.library.index(self.settings.index, self.store.root / "cache", self._built)

    @cached_property
    def experts(self) -> dict[str, Expert]:
        return {name: self.expert(name) for name in self.modules.serving}

    def expert(self, name: str) -> Expert:
        """Any expert of the version; whoever asks for one that serves nobody detaches it."""
        return load_expert(self.store, self.modules, self.encoder, name)

    @cached_property
    def overlays(self) -> dict[str, Overlay]:
        return load_overlays(self.store, self.modules, self.modules.serving)

    @cached_property
    def waiting(self) -> dict[str, Overlay]:
        """What would lie over the documents for the experts that wait for approval."""
        return load_overlays(self.store, self.modules, self.modules.waiting)

    @cached_property
    def retriever(self) -> Retriever:
        overlaid = {
            name: Overlaid(overlay, self.library, self.index)
            for name, overlay in self.overlays.items()
        }
        lexical = self.library.lexical if self.settings.lexical else None
        return Retriever(
            self.encoder,
            self.experts,
            self.modules.router,
            self.index,
            overlaid,
            lexical,
            self.modules.shares,
            COMPOSITIONS[self.modules.compose],
        )

    def release(self) -> None:
        """Let gc go; what is loaded stays, for whoever shares it."""
        self._lease.release()

    def share(self, other: Live) -> None:
        """Take over what another version has loaded and this one would load just so: a rollback
        makes nothing new, and a night a segment. Where both share experts, neither may take them
        out.
        """
        here, there = self.manifest, other.manifest
        documents = here.index == there.index and self.settings.index == other.settings.index
        learned = here.modules == there.modules and here.encoder == there.encoder
        parts = {
            "library": documents,
            "index": documents,
            "encoder": learned,
            "modules": learned,
            "experts": learned,
            "overlays": learned,
            "retriever": documents and learned and self.settings.lexical == other.settings.lexical,
        }
        loaded = other.__dict__
        self.__dict__ |= {n: loaded[n] for n, same in parts.items() if same and n in loaded}
        own = set(here.index.values())
        if "library" in loaded:
            self._segments |= {n: one for n, one in other.library.segments.items() if n in own}
        if "index" in loaded:
            built = {key: one for key, one in other.index.built.items() if key[0] in own}
            self._built = {**self._built, **built}

    def warm(self) -> None:
        """Load all that the first query would wait for."""
        if self.retriever.lexical is not None:
            self.retriever.lexical.search(["anything"], 1)


def open_live(
    store: Store,
    version: int | None = None,
    encoder: Encoder | None = None,
    settings: Settings | None = None,
) -> Live:
    """The live version, or an older one, as one consistent whole; gc leaves it while it is open."""
    return Live(store, *store.lease(version), encoder, settings)


def read_library(
    store: Store, index: Mapping[str, str], opened: Mapping[str, Segment] | None = None
) -> Library:
    """The documents of an index; segments that are `opened` already are not read twice."""
    ids = [index[name] for name in sorted(index) if name.startswith(SEGMENT)]
    known = opened or {}
    segments = {id_: known.get(id_) or Segment(store.objects.open(id_)) for id_ in ids}
    dead = load_dead(store.objects.open(index[TOMBSTONES]))
    return Library(segments, dead)


def save_dead(dead: Dead, folder: Path) -> None:
    rows = [(name, row) for name in sorted(dead) for row in sorted(dead[name])]
    table = pa.table(
        {
            "segment": pa.array([name for name, _ in rows], pa.string()),
            "row": pa.array([row for _, row in rows], pa.int64()),
        }
    )
    pq.write_table(table, folder / "tombstones.parquet", compression="zstd")


def load_dead(folder: Path) -> Dead:
    table = pq.read_table(folder / "tombstones.parquet")
    dead: dict[str, set[int]] = {}
    for name, row in zip(table["segment"].to_pylist(), table["row"].to_pylist(), strict=True):
        dead.setdefault(name, set()).add(row)
    return {name: frozenset(rows) for name, rows in dead.items()}
