"""A night looked at beforehand: what would be decided and what it would cost; nothing changes.

A sample is encoded to see which kinds the batch holds. Batches after the first are judged as if
they came alone, for what the earlier ones would change is not known yet.
"""

from __future__ import annotations

import time
from collections.abc import Collection, Sequence
from pathlib import Path

from flows.claim import claim
from flows.clock import Clock
from flows.encoding import Encoding, encode, encoded_before
from flows.groups import SPANS_EACH, counted, facts_of, still_asked
from flows.intake import Intake, ingest
from flows.live import Live, open_live
from flows.membership import named, waiting_still
from flows.night import Night, detect, outcomes_of, refused_nights
from flows.outcome import Outcome
from flows.purged import purged_since
from flows.settings import Settings
from nightshift.errors import NothingToDo
from pipeline.chosen import Chosen
from pipeline.crossfit import FOLDS
from pipeline.decision import wish
from pipeline.documents import Key
from pipeline.experts.methods import METHODS
from pipeline.kinds import groups_of
from pipeline.progress import Progress, silent
from state.store import Store

SAMPLE = 400
STEP_PER_PASS = 3.0
"""A training step costs about three forward passes of its queries."""


def preview(
    store: Store,
    paths: Sequence[Path],
    *,
    settings: Settings | None = None,
    again: bool = False,
    progress: Progress = silent,
) -> list[Night]:
    """What `update` would decide for each pending batch, before the gate, and its seconds."""
    with open_live(store, settings=settings) as live:
        claimed = claim(store, paths, again=again)
        nights = [
            _preview(live, ingest(batch, live.library, purged_since(store, batch.digest)), progress)
            for batch in claimed.batches
        ]
    if not nights:
        nothing = NothingToDo("no batch is pending", hint="nightshift history")
        raise next(iter(claimed.refused.values()), nothing)
    return nights + refused_nights(claimed)


def _preview(live: Live, intake: Intake, progress: Progress) -> Night:
    clock = Clock()
    known = encoded_before(live.store, {document.text_hash for document in intake.documents})
    fresh = [n for n, one in enumerate(intake.documents) if one.text_hash not in known]
    sample = list(Chosen(intake.documents, fresh[:: max(1, len(fresh) // SAMPLE)]))
    scale = len(fresh) / max(1, len(sample))
    started = time.monotonic()
    read = encode(live.encoder, sample, live.modules.layers, {}, progress)
    longest = live.modules.longest_group
    groups = groups_of([d.title for d in sample], [d.id for d in sample], longest)
    encoding = Encoding(read.features, groups, read.encoded)
    clock.seconds["encode"] = scale * (time.monotonic() - started)
    outcomes = []
    if sample:
        findings = detect(live, encoding, waiting_still(live, intake))
        for kind_id, rows in findings.groups:
            kind = live.modules.kinds[kind_id] if kind_id else None
            here = [sample[row] for row in rows if row < findings.night]
            count = round(scale * len(here)) + int((rows >= findings.night).sum())
            keys = {document.key for document in here}
            teaching = round(0.9 * scale * _asked(intake, keys))
            again = scale * len(counted(live, keys)) if kind else 0
            total = count - round(again) + (kind.documents if kind else 0)
            left = still_asked(kind.questions, live.library, intake.reworded) if kind else None
            had = len(left.teaching) if left else 0
            facts = facts_of(kind.asking(left)) if kind and left else None
            outcome, reason = wish(facts, total, teaching + had)
            name = kind.name if kind else named(here, live.library)
            outcomes.append(Outcome(name, count, outcome, f"{reason}; the gate was not asked"))
            if outcome in ("spawn", "refine"):
                clock.seconds["train"] += _training_seconds(live, teaching + had)
    return Night(
        intake.batch.name,
        None,
        outcomes_of(intake, outcomes),
        intake.counts,
        len(fresh),
        clock.seconds,
    )


def _asked(intake: Intake, keys: Collection[Key]) -> int:
    """Queries about these documents: people's and, of those that nobody asked about, made ones."""
    real = [pair.key for pair in intake.pairs if pair.key in keys]
    made = SPANS_EACH * (len(keys) - len(set(real)))
    return len(real) + min(made, len(real)) if real else 2 * len(keys)


def _training_seconds(live: Live, queries: int) -> float:
    """Epochs over all folds, from what one pass over some queries takes here and now."""
    some = ["how long does it take to read a query of ten words"] * 64
    started = time.monotonic()
    live.encoder.encode_queries(some)
    per_query = (time.monotonic() - started) / len(some)
    passes = METHODS[live.settings.expert].epochs * (FOLDS - 1)
    return min(60 * live.settings.train_minutes, STEP_PER_PASS * passes * per_query * queries)
