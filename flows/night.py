"""A night, told from top to bottom.

    claim -> ingest -> encode -> segment -> detect -> decide -> train and gate -> publish

Documents reach the index whatever becomes of the experts. Nothing is live before `publish`; a
night that is killed is simply run again.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from flows.clock import Clock
from flows.groups import Group, decide
from flows.growth import Growth, grow
from flows.intake import Encoding, Intake, claim, encode, encoded_before, ingest, shelve
from flows.live import Live, open_live
from flows.membership import Grounds, heard, still_there
from flows.modules import save_modules
from flows.outcome import Outcome
from flows.publication import library_facts, publish, size_facts
from nightshift.errors import NothingToDo
from pipeline.batch import Batch
from pipeline.decision import Findings, look
from pipeline.encoder import Encoder
from pipeline.library import Library
from pipeline.progress import Progress, silent
from pipeline.questions import Questions
from state.ledger import taken
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
    store: Store, paths: Sequence[Path], *, again: bool = False, progress: Progress = silent
) -> list[Night]:
    """Live through every pending batch, in order, each one night and one version."""
    with store.writing():
        batches = claim(store, paths, again=again)
        nights: list[Night] = []
        encoder: Encoder | None = None
        for batch in batches:
            with open_live(store, encoder=encoder) as live:
                nights.append(night(live, batch, progress))
                encoder = live.encoder
        if not any(lived.version for lived in nights):
            raise NothingToDo("no batch brings anything that the index does not have already")
        return nights


def night(live: Live, batch: Batch, progress: Progress = silent) -> Night:
    """One night: take in `batch` and publish what becomes of it."""
    clock = Clock()
    intake = ingest(batch, live.library)
    told = batch.digest in taken(live.store.history())
    if not intake.changes_something and (told or not intake.quarantined):
        return Night(batch.name, None, (), intake.counts, 0, clock.seconds)
    with clock("encode"):
        encoding = read(live, intake, progress)
    with clock("publish"):
        index, library = shelve(live, intake, encoding)
    with clock("detect"):
        findings = detect(live, encoding)
        groups = decide(live, intake, findings, library)
    with clock("gate"):
        taught: list[float] = []
        growth = learn(live, intake, encoding, library, groups, taught, progress)
    clock.move("gate", "train", sum(taught))
    outcomes = outcomes_of(intake, growth.outcomes)
    with clock("publish"):
        modules = save_modules(
            live.store, growth.modules, live.modules, growth.new, growth.overlays
        )
        facts = {
            "batches": [batch_facts(batch)],
            "outcomes": [outcome.as_json() for outcome in outcomes],
            "documents": intake.counts,
            "encoded": encoding.encoded,
            "reencoded": growth.reencoded,
            "seconds": clock.seconds,
            "detection": detection_facts(live, findings),
            "quarantined": [vars(entry) for entry in intake.quarantined[:QUARANTINE_SHOWN]],
            "settings": live.settings.as_json(),
            "libraries": library_facts(),
            **size_facts(growth.modules, len(library)),
        }
        published = publish(
            live.store,
            live.manifest,
            kind="night",
            reason=reason(outcomes),
            encoder=live.manifest.encoder,
            index=index,
            modules=modules,
            facts=facts,
        )
    for expert in growth.new.values():
        expert.detach()
    return Night(
        batch.name,
        published.version,
        outcomes,
        intake.counts,
        encoding.encoded,
        clock.seconds,
    )


def read(live: Live, intake: Intake, progress: Progress) -> Encoding:
    """Encode what has never been read before."""
    known = encoded_before(live.store, {document.text_hash for document in intake.documents})
    return encode(live.encoder, intake.documents, live.modules.layers, known, progress)


def detect(live: Live, encoding: Encoding) -> Findings:
    """Sort the night into kinds, known and new."""
    pool = live.modules.pool
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
    groups: Sequence[Group],
    taught: list[float],
    progress: Progress,
) -> Growth:
    """Try what the groups wish for, on tonight's index; `taught` collects seconds of training."""
    history = live.store.history()
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
        taught=taught,
    )
    return grow(
        grounds, groups, heard(still_there(live.modules, library), left_over(live, intake, groups))
    )


def left_over(live: Live, intake: Intake, groups: Sequence[Group]) -> Questions:
    """Tonight's pairs about documents of earlier nights."""
    tonight = {document.key for group in groups for document in group.documents}
    pairs = tuple(pair for pair in intake.pairs if pair.key not in tonight)
    return Questions(pairs, live.encoder.encode_queries([pair.query for pair in pairs]))


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
    }


def detection_facts(live: Live, findings: Findings) -> dict[str, Any]:
    """What the layers saw: shares beyond each level, for the night and against every kind."""
    return {
        "layers": list(live.modules.layers),
        "new": findings.test.new,
        "p_value": findings.test.p_value,
        "shares": {str(level): share for level, share in findings.test.shares.items()},
        "kinds": {kind: list(shares) for kind, shares in findings.shares.items()},
    }
