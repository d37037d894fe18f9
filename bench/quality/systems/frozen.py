"""The floor: the product that never grows. Others read its documents, vectors and index."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.quality.cache import CachedEncoder
from bench.quality.cells import Cells
from bench.quality.stream import Night
from bench.quality.systems.answering import asking
from bench.quality.systems.base import Search
from bench.quality.systems.ours import Ours, settings_of
from flows.live import Live, open_live
from pipeline.retriever import Leg, Retriever
from pipeline.router import Router
from state.store import Store

ABOUT = {
    "frozen": "the frozen encoder on the same index: nothing is ever learned",
    "bm25": "keyword search alone",
    "frozen+bm25": "the frozen encoder and keyword search, half and half everywhere",
    "frozen+shares": "the same, with the share of words that the product chooses for each kind",
}
FLOOR = "frozen"
SEED = 0
"""Nothing in it is random but what is drawn for the detector; one seed serves everybody."""


class Frozen(Ours):
    """Intake, detection and quarantine are those of the product; no expert may live."""

    def searches(self) -> Mapping[str, Search]:
        """Without shares that were chosen, all that is fused is fused half and half."""
        live = self.live
        retriever = Retriever(live.encoder, {}, Router(), live.index, {}, live.library.lexical)
        legs: Mapping[str, Leg] = {"frozen": "dense", "bm25": "lexical", "frozen+bm25": "both"}
        plain = {row: asking(live.library, retriever, leg) for row, leg in legs.items()}
        return {**plain, "frozen+shares": asking(live.library, live.retriever, "both")}


def frozen(root: Path, encoder: CachedEncoder) -> Frozen:
    return Frozen(root, encoder, settings_of(SEED, max_experts=0), rows=tuple(ABOUT))


@dataclass(frozen=True)
class Floor:
    """The floor's store, version by version."""

    root: Path
    encoder: CachedEncoder
    cells: Cells

    def after(self, night: str) -> Live:
        """The index as it was after a night."""
        version = self.cells.page(FLOOR, SEED, night)["told"]["version"]
        return open_live(Store.open(self.root), version, encoder=self.encoder)

    def encoding(self, night: Night) -> float:
        """CPU seconds that the night's documents cost to encode."""
        pages = [self.cells.page(FLOOR, SEED, name) for name in night.joins or (night.name,)]
        return float(sum(page["cpu_seconds"]["encode"] for page in pages))
