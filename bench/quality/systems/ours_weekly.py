"""nightshift with its weekly rounds, as `nightshift up` and `prefect.yaml` schedule them.

Nights try experts for what they bring. The rounds, here after every seventh night that made a
version, also try one for the kind of the first corpus that is asked about most.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from bench.quality.systems.answering import asking
from bench.quality.systems.base import Search
from bench.quality.systems.ours import Ours
from flows.maintenance import maintain
from flows.night import Night as Told
from state.store import Store

ABOUT = {
    "ours-weekly": "nightshift with its defaults, the weekly rounds after every seventh night too",
    "ours-weekly-dense": "the same without keyword search",
}
WEEK = 7


@dataclass
class OursWeekly(Ours):
    """What the rounds teach costs is charged to the night before them."""

    def searches(self) -> Mapping[str, Search]:
        library, retriever = self.live.library, self.live.retriever
        return {
            "ours-weekly": asking(library, retriever, "both"),
            "ours-weekly-dense": asking(library, retriever),
        }

    def _night(self, batch: Path) -> Told:
        told, store = super()._night(batch), Store.open(self.root)
        nights = sum(version.kind == "night" for version in store.history())
        if told.version is None or nights % WEEK:
            return told
        teaching = maintain(store, loaded=self.encoder).teaching
        if teaching is None:
            return told
        spent = {step: told.seconds.get(step, 0.0) + s for step, s in teaching.seconds.items()}
        return replace(told, seconds={**told.seconds, **spent})
