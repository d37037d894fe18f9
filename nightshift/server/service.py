"""What all endpoints share."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path

from nightshift.server.asking import Asker
from nightshift.server.forms import Health
from nightshift.server.guard import Door
from nightshift.server.journal import Journal
from nightshift.server.limits import Limits
from nightshift.server.metrics import Metrics
from nightshift.server.traffic import Traffic
from nightshift.server.versions import Versions
from state.store import Store

PAGE = Path(__file__).parent.parent / "page"


@dataclass(frozen=True)
class Service:
    """A store, how it is asked, and what is written down about it."""

    store: Store
    door: Door = field(default_factory=Door)
    limits: Limits = field(default_factory=Limits)
    searches: Journal = field(default_factory=Journal)
    clicks: Journal = field(default_factory=Journal)
    page: Path = PAGE
    traffic: Traffic = field(default_factory=Traffic)

    @cached_property
    def versions(self) -> Versions:
        return Versions(self.store)

    @cached_property
    def asker(self) -> Asker:
        return Asker(self.limits.waiting)

    @cached_property
    def metrics(self) -> Metrics:
        return Metrics(self.traffic)

    def health(self) -> Health:
        """What is served at this moment."""
        live = self.versions.live
        facts = live.manifest.facts
        return Health(
            version=live.version,
            last_night=(datetime.now(UTC) - live.night).total_seconds(),
            documents=facts["live_documents"],
            experts=len(facts["live_experts"]),
        )
