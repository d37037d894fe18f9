"""A night, told from top to bottom.

    claim -> ingest -> encode and segment -> detect -> decide -> train and gate -> publish

Documents reach the index whatever becomes of the experts. Nothing is live before `publish`; a
night that is killed is simply run again. `run` carries out the steps: by plain calls, or as tasks
that Prefect sees (`flows/shift/nightly.py`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from flows.adoption import Growth
from flows.claim import Claim, claim
from flows.clock import Clock, Run, plainly
from flows.encoding import Encoding, Shelves, shelve
from flows.groups import Group, decide
from flows.growth import grow
from flows.intake import Intake, ingest
from flows.live import Live, open_live
from flows.membership import Grounds, heard, still_there, waiting_still
from flows.modules import Pool, save_modules
from flows.outcome import Outcome
from flows.prior import labels_of
from flows.publication import library_facts, publish, size_facts
from flows.purged import purged_since
from flows.settings import Settings
from nightshift.errors import NothingToDo, UsageError
from pipeline.batch import Batch
from pipeline.decision import Findings, look
from pipeline.detector import DRIFT_THRESHOLD
from pipeline.encoder import Encoder
from pipeline.library import Library
from pipeline.progress import Progress, silent
from pipeline.questions import Questions
from state import met
from state.ledger import Ledger
from state.store import Store

QUARANTINE_SHOWN = 1000


@dataclass(frozen=True)
class Night:
    """What one batch led to; `version` is None where it changed nothing."""

    batch: str
    version: int | None
    outcomes: tuple[Outcome, ...]
    documents: dict[str, int]
    encoded: int
    seconds: dict[str, float]

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "outcomes": [outcome.as_json() for outcome in self.outcomes]}


def update(
    store: Store,
    paths: Sequence[Path],
    *,
    settings: Settings | None = None,
    again: bool = False,
    run: Run = plainly,
    loaded: Encoder | None = None,
    progress: Progress = silent,
) -> list[Night]:
    """Live through every pending batch, in order, each one night and one version.

    Without `settings`, those of the live version stay; `loaded` is its encoder where that is in
    memory already.
    """
    shift = datetime.now(UTC).isoformat(timespec="seconds")
    with store.writing():
        claimed = run("claim", "", claim, store, paths, again=again)
        nights: list[Night] = []
        encoder = loaded
        for batch in claimed.passed:
            met.add(store.root, store.head().version, batch_facts(batch))
        for batch in claimed.batches:
            with open_live(store, encoder=encoder, settings=settings) as live:
                nights.append(night(live, batch, shift, run, progress))
                encoder = live.encoder
        if not any(lived.version for lived in nights):
            nothing = NothingToDo("no batch brings anything that the index does not have already")
            raise next(iter(claimed.refused.values()), nothing)
        return nights + refused_nights(claimed)


def night(
    live: Live, batch: Batch, shift: str, run: Run = plainly, progress: Progress = silent
) -> Night:
    """One night: take in `batch` and publish what becomes of it. Nights of one run have one
    `shift`: when it began.
    """
    refuse_another_form(live)
    clock = Clock(run, batch.digest)
    purged = purged_since(live.store, batch.digest)
    intake = clock.step("ingest", ingest, batch, live.library, purged)
    told = Ledger.read(live.store).entries.get(batch.digest)
    news = intake.brings_something(told is not None and not told.withdrawn)
    if not news and (told or not intake.quarantined):
        met.add(live.store.root, live.manifest.version, batch_facts(batch))
        return Night(batch.name, None, (), intake.counts, 0, clock.seconds)
    encoding, shelves = clock.step("encode", shelve, live, intake, progress)
    pool = waiting_still(live, intake)
    findings = clock.step("detect", detect, live, encoding, pool)
    groups = clock.step("decide", decide, live, intake, findings, shelves.library, pool)
    seconds: list[float] = []
    growth = clock.step(
        "gate", learn, live, intake, encoding, shelves.library, pool, groups, seconds, progress
    )
    clock.move("gate", "train", sum(seconds))
    outcomes = outcomes_of(intake, growth.outcomes)
    facts = {
        "batches": [batch_facts(batch)],
        "shift": shift,
        "outcomes": [outcome.as_json() for outcome in outcomes],
        "documents": intake.counts,
        "encoded": encoding.encoded,
        "reencoded": growth.reencoded,
        "seconds": clock.seconds,
        "detection": detection_facts(live, findings),
        "quarantined": quarantine_facts(intake),
        "settings": live.settings.as_json(),
        "libraries": library_facts(),
        **size_facts(growth.modules, len(shelves.library)),
    }
    version = clock.step("publish", go_live, live, shelves, growth, reason(outcomes), facts)
    return Night(batch.name, version, outcomes, intake.counts, encoding.encoded, clock.seconds)


def refuse_another_form(live: Live) -> None:
    """Experts answer in the form in which they were taught, or not at all."""
    taught, wanted = live.modules.compose, live.settings.compose
    if (live.modules.router.experts or live.modules.waiting) and wanted != taught:
        raise UsageError(
            f'the live experts were taught for compose = "{taught}", not "{wanted}"',
            hint="nightshift rollback 1",
        )


def go_live(
    live: Live, shelves: Shelves, growth: Growth, reason: str, facts: Mapping[str, Any]
) -> int:
    """Publish what the night made; the number of the version."""
    modules = save_modules(live.store, growth.modules, live.modules, growth.new, growth.overlays)
    published = publish(
        live.store,
        live.manifest,
        kind="night",
        reason=reason,
        encoder=live.manifest.encoder,
        index=shelves.index,
        modules=modules,
        facts=facts,
    )
    for expert in growth.new.values():
        expert.detach()
    return published.version


def detect(live: Live, encoding: Encoding, pool: Pool) -> Findings:
    """Sort the night, and who waited before it, into kinds, known and new."""
    return look(
        encoding.features,
        encoding.groups,
        pool.features,
        pool.groups,
        {id_: kind.statistics for id_, kind in live.modules.kinds.items()},
        live.settings.false_alarms_per_year,
        live.settings.seed,
    )


def learn(
    live: Live,
    intake: Intake,
    encoding: Encoding,
    library: Library,
    pool: Pool,
    groups: Sequence[Group],
    training_seconds: list[float],
    progress: Progress,
) -> Growth:
    """Try what the groups wish for, on tonight's index."""
    history, left = live.store.history(), left_over(live, intake, groups)
    waiting = frozenset(pool.keys)
    pool = replace(pool, questions=pool.questions + left.where(lambda pair: pair.key in waiting))
    grounds = Grounds(
        live=live,
        documents=intake.documents,
        encoding=encoding,
        library=library,
        index=library.index(live.settings.index, live.store.root / "cache"),
        version=live.manifest.version + 1,
        names=frozenset(name for manifest in history for name in manifest.modules),
        minutes=live.settings.train_minutes,
        progress=progress,
        pool=pool,
        labels=labels_of(intake.batch),
        training_seconds=training_seconds,
    )
    modules = still_there(live.modules, library, intake.reworded)
    return grow(grounds, groups, heard(modules, left.where(lambda pair: pair.key not in waiting)))


def left_over(live: Live, intake: Intake, groups: Sequence[Group]) -> Questions:
    """Tonight's pairs about documents of earlier nights."""
    tonight = {document.key for group in groups for document in group.documents}
    pairs = tuple(pair for pair in intake.pairs if pair.key not in tonight)
    return Questions(pairs, live.encoder.encode_queries([pair.query for pair in pairs]))


def refused_nights(claimed: Claim) -> list[Night]:
    """Batches that could not be read, as nights that changed nothing."""
    return [
        Night(path.name, None, (Outcome("-", 0, "refused", str(error)),), {}, 0, {})
        for path, error in claimed.refused.items()
    ]


def outcomes_of(intake: Intake, settled: Sequence[Outcome]) -> tuple[Outcome, ...]:
    """What became of each group, and of what no group would have."""
    if not intake.quarantined:
        return tuple(settled)
    reasons = sorted({entry.reason for entry in intake.quarantined})
    told = "; ".join(reasons[:3]) + ("; ..." if len(reasons) > 3 else "")
    return (*settled, Outcome("-", len(intake.quarantined), "quarantine", told))


def reason(outcomes: Sequence[Outcome]) -> str:
    """The night in one line, as `history` shows it."""
    told = [
        f"{outcome.outcome} {outcome.kind}" if outcome.kind != "-" else outcome.outcome
        for outcome in outcomes
    ]
    return ", ".join(told) or "documents changed"


def batch_facts(batch: Batch) -> dict[str, Any]:
    return {
        "batch": batch.name,
        "digest": batch.digest,
        "source": batch.source,
        "label": batch.label,
        "time": batch.time,
    }


def quarantine_facts(intake: Intake) -> list[dict[str, str]]:
    """The first lines that were quarantined, with place and reason; `documents` counts them all."""
    return [vars(entry) for entry in intake.quarantined[:QUARANTINE_SHOWN]]


def detection_facts(live: Live, findings: Findings) -> dict[str, Any]:
    """What the layers saw: shares beyond each level, for the night and against every kind."""
    return {
        "layers": list(live.modules.layers),
        "new": findings.test.new,
        "p_value": findings.test.p_value,
        "shares": {str(level): share for level, share in findings.test.shares.items()},
        "kinds": {kind: list(shares) for kind, shares in findings.shares.items()},
        "drift": list(findings.drift),
        "drift_threshold": DRIFT_THRESHOLD,
    }
