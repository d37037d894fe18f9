"""How much is measured: which systems, with how many seeds, on how much of each domain."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bench.quality.systems import mixlora, router_retriever
from bench.quality.systems.entries import ENTRIES, SYSTEM_OF
from bench.quality.systems.frozen import FLOOR
from nightshift.errors import UsageError

SAMPLED = 0.25
"""Of the documents that no query is about. Standard and full share it, so that their cells can lie
in one folder."""
QUERY_SIDE = (
    FLOOR,
    "ours",
    "ours-nights",
    "ours-no-gate",
    "ours-no-labels",
    "one-lora",
    "expert-every-night",
    "never-growing",
    "joint-lora",
)
PUBLISHED = ("dar", router_retriever.NAME, "ddr", "sb-moe", *mixlora.RULES)
DETECTORS = "detectors"
"""Not a system, but asked for like one."""
LONG = ("ours-both-sides", "full-ft", "full-ft-qdc", "joint-full-ft")
SEEDS = 3
ENCODED_AGAIN = (FLOOR, "ddr", *LONG)
"""Every night, or once and for all: more than one seed of these costs more than it tells."""


@dataclass(frozen=True)
class Profile:
    """`share` of the documents that no query is about; `seeds` of systems that have several;
    whether the detectors are compared too.

    >>> PROFILES["standard"].seeds_of("ours"), PROFILES["standard"].seeds_of("one-lora")
    ([0, 1, 2], [0])
    """

    name: str
    share: float
    systems: tuple[str, ...]
    seeds: Mapping[str, int] = field(default_factory=dict)
    detectors: bool = True

    def seeds_of(self, system: str) -> list[int]:
        return list(range(self.seeds.get(system, 1)))


PROFILES = {
    profile.name: profile
    for profile in (
        Profile("small", 1.0, QUERY_SIDE + PUBLISHED),
        Profile("standard", SAMPLED, QUERY_SIDE, {"ours": SEEDS}),
        Profile(
            "full",
            SAMPLED,
            QUERY_SIDE + PUBLISHED + LONG,
            {name: SEEDS for name in QUERY_SIDE + PUBLISHED if name not in ENCODED_AGAIN},
        ),
    )
}


def profile_of(name: str, systems: Sequence[str] = (), seeds: int | None = None) -> Profile:
    """A profile, with other systems or another number of seeds where they are given.

    The floor is always among the systems: all others are read beside it. A row of the tables stands
    for the system that gives it.

    >>> profile_of("full", ["ddr-topk", "ddr-prior", "dar"]).systems
    ('frozen', 'ddr', 'dar')
    """
    if name not in PROFILES:
        raise UsageError(
            f"there is no profile {name!r}", hint="one of --profile " + ", ".join(PROFILES)
        )
    profile = PROFILES[name]
    for system in systems:
        if system not in SYSTEM_OF and system != DETECTORS:
            raise UsageError(
                f"there is no system {system!r}",
                hint="some of --systems " + ",".join((*ENTRIES, DETECTORS)),
            )
    if systems:
        named = (SYSTEM_OF[name] for name in systems if name != DETECTORS)
        wanted = tuple(dict.fromkeys((FLOOR, *named)))
        profile = replace(profile, systems=wanted, detectors=DETECTORS in systems)
    if seeds is not None:
        if seeds < 1:
            raise UsageError(f"{seeds} seeds measure nothing", hint="--seeds 3")
        several = [system for system in profile.systems if ENTRIES[system].seeded]
        profile = replace(profile, seeds=dict.fromkeys(several, seeds))
    return profile
