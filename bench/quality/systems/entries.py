"""All systems there are: the rows each gives the tables, and how it is made."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from bench.quality.cache import CachedEncoder
from bench.quality.cells import Cells
from bench.quality.systems import (
    dar,
    ddr,
    every_night,
    frozen,
    full_ft,
    mixlora,
    one_lora,
    ours,
    qdc,
    router_retriever,
    sb_moe,
    shipped,
)
from bench.quality.systems.base import System
from bench.quality.systems.dar import Dar
from bench.quality.systems.ddr import Ddr
from bench.quality.systems.every_night import EveryNight
from bench.quality.systems.frozen import FLOOR, Floor
from bench.quality.systems.full_ft import FullFineTuning
from bench.quality.systems.lessons import LONG
from bench.quality.systems.mixlora import MixLoraSystem
from bench.quality.systems.one_lora import OneLora
from bench.quality.systems.ours import Ours, Ungated, settings_of
from bench.quality.systems.qdc import DriftCompensated
from bench.quality.systems.router_retriever import RouterRetriever
from bench.quality.systems.sb_moe import SbMoe
from bench.quality.systems.shipped import Shipped
from flows.settings import AUTOMATIC

ABOUT = {
    **frozen.ABOUT,
    **shipped.ABOUT,
    **ours.ABOUT,
    **one_lora.ABOUT,
    **every_night.ABOUT,
    **full_ft.ABOUT,
    **dar.ABOUT,
    **router_retriever.ABOUT,
    **ddr.ABOUT,
    **sb_moe.ABOUT,
    **mixlora.ABOUT,
    **qdc.ABOUT,
}
"""What each row of the tables is, in a sentence."""


@dataclass(frozen=True)
class Shared:
    """What every system of a run is made from; each has a folder of its own in `work`."""

    work: Path
    encoder: CachedEncoder
    cells: Cells

    def folder(self, system: str, seed: int) -> Path:
        return self.work / system / str(seed)

    @property
    def floor(self) -> Floor:
        return Floor(self.folder(FLOOR, frozen.SEED) / "store", self.encoder, self.cells)


@dataclass(frozen=True)
class Entry:
    """A system: what makes it for a seed, given its folder. `joint` ones live through the last
    night alone, which brings them the pairs of all nights."""

    rows: tuple[str, ...]
    make: Callable[[Shared, Path, int], System]
    seeded: bool = True
    joint: bool = False


def _frozen(shared: Shared, folder: Path, seed: int) -> System:
    return frozen.frozen(folder / "store", shared.encoder)


def _ours(shared: Shared, folder: Path, seed: int) -> System:
    settings = settings_of(seed)
    return Shipped(folder / "store", shared.encoder, settings, rows=tuple(shipped.ABOUT))


def _nights(shared: Shared, folder: Path, seed: int) -> System:
    return Ours(folder / "store", shared.encoder, settings_of(seed), rows=("ours-nights",))


def _no_gate(shared: Shared, folder: Path, seed: int) -> System:
    settings = Ungated(seed=seed)
    return Ours(folder / "store", shared.encoder, settings, rows=("ours-no-gate",))


def _no_labels(shared: Shared, folder: Path, seed: int) -> System:
    settings = settings_of(seed)
    rows = ("ours-no-labels",)
    return Ours(folder / "store", shared.encoder, settings, rows=rows, labels=False)


def _both_sides(shared: Shared, folder: Path, seed: int) -> System:
    settings = settings_of(seed, side=AUTOMATIC, train_minutes=LONG)
    return Ours(folder / "store", shared.encoder, settings, rows=("ours-both-sides",))


def _one_lora(name: str, learns_on: bool = True) -> Callable[[Shared, Path, int], System]:
    return lambda shared, folder, seed: OneLora(
        root=folder, floor=shared.floor, seed=seed, name=name, learns_on=learns_on
    )


def _every_night(shared: Shared, folder: Path, seed: int) -> System:
    return EveryNight(root=folder, floor=shared.floor, seed=seed)


def _dar(shared: Shared, folder: Path, seed: int) -> System:
    return Dar(folder / "store", shared.encoder, Ungated(seed=seed, **dar.SETTINGS))


def _router_retriever(shared: Shared, folder: Path, seed: int) -> System:
    return RouterRetriever(root=folder, floor=shared.floor, seed=seed)


def _ddr(shared: Shared, folder: Path, seed: int) -> System:
    return Ddr(root=folder, floor=shared.floor, seed=seed)


def _sb_moe(shared: Shared, folder: Path, seed: int) -> System:
    return SbMoe(root=folder, floor=shared.floor, seed=seed)


def _mixlora(name: str) -> Callable[[Shared, Path, int], System]:
    return lambda shared, folder, seed: MixLoraSystem(
        root=folder, floor=shared.floor, seed=seed, name=name
    )


def _full_ft(name: str) -> Callable[[Shared, Path, int], System]:
    return lambda shared, folder, seed: FullFineTuning(name, folder, shared.floor, seed)


def _qdc(shared: Shared, folder: Path, seed: int) -> System:
    return DriftCompensated(root=folder, floor=shared.floor, seed=seed)


ENTRIES: Mapping[str, Entry] = {
    FLOOR: Entry(tuple(frozen.ABOUT), _frozen, seeded=False),
    "ours": Entry(tuple(shipped.ABOUT), _ours),
    "ours-nights": Entry(("ours-nights",), _nights),
    "ours-no-gate": Entry(("ours-no-gate",), _no_gate),
    "ours-no-labels": Entry(("ours-no-labels",), _no_labels),
    "one-lora": Entry(("one-lora",), _one_lora("one-lora")),
    every_night.NAME: Entry((every_night.NAME,), _every_night),
    "never-growing": Entry(("never-growing",), _one_lora("never-growing", learns_on=False)),
    "joint-lora": Entry(("joint-lora",), _one_lora("joint-lora"), joint=True),
    "dar": Entry(tuple(dar.ABOUT), _dar),
    router_retriever.NAME: Entry((router_retriever.NAME,), _router_retriever),
    "ddr": Entry(tuple(ddr.ABOUT), _ddr),
    "sb-moe": Entry(tuple(sb_moe.ABOUT), _sb_moe),
    **{name: Entry((name,), _mixlora(name)) for name in mixlora.RULES},
    "ours-both-sides": Entry(("ours-both-sides",), _both_sides),
    "full-ft": Entry(("full-ft",), _full_ft("full-ft")),
    qdc.NAME: Entry((qdc.NAME,), _qdc),
    "joint-full-ft": Entry(("joint-full-ft",), _full_ft("joint-full-ft"), joint=True),
}

SYSTEM_OF: Mapping[str, str] = {
    **{row: system for system, entry in ENTRIES.items() for row in entry.rows},
    **{system: system for system in ENTRIES},
}
"""Which system gives a row; systems may be called by their own names too."""
