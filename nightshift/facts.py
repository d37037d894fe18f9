"""What Python is told of versions, of experts, and of how a query found its way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypedDict

from flows.modules import ExpertFacts, Modules
from state.manifest import Manifest


@dataclass(frozen=True)
class Version:
    """One move of history: a night, a rollback, or what else made a version."""

    version: int
    time: str
    kind: str
    reason: str
    documents: int
    experts: tuple[str, ...]
    """Those that serve."""
    live: bool


@dataclass(frozen=True)
class Expert:
    """What an expert gains, in nDCG@10 on queries that never taught it, and whom it serves."""

    name: str
    method: str
    serves: tuple[str, ...]
    """Names of kinds; none, where it was retired or waits."""
    waits: bool
    """For a person's word."""
    born: int
    """The version that it came with."""
    parameters: int
    queries: int
    gain: float
    interval: tuple[float, float]
    """90 % of it."""


class NearKind(TypedDict):
    """How near a query is to a kind, and who serves that; None: the frozen encoder."""

    kind: str
    name: str
    similarity: float
    expert: str | None


class Explanation(TypedDict):
    """The kinds, nearest first; below the floor no expert is asked."""

    kinds: list[NearKind]
    floor: float


def version_of(manifest: Manifest, live: int) -> Version:
    facts = manifest.facts
    return Version(
        manifest.version,
        manifest.time,
        manifest.kind,
        manifest.reason,
        facts["live_documents"],
        tuple(facts["live_experts"]),
        manifest.version == live,
    )


def expert_of(facts: ExpertFacts, modules: Modules) -> Expert:
    served = [kind for kind, name in modules.router.experts.items() if name == facts.name]
    low, high = facts.gate["interval"]
    return Expert(
        facts.name,
        facts.method,
        tuple(modules.kinds[kind].name for kind in served),
        facts.name in modules.waiting,
        facts.born,
        facts.parameters,
        facts.queries,
        facts.gate["gain"],
        (low, high),
    )
