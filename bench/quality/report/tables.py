"""All tables of a report, in the order of reading."""

from __future__ import annotations

from bench.quality.report import records, scored
from bench.quality.report.table import Table
from bench.quality.results import SPLITS
from bench.quality.summary import FROZEN, Evidence


def tables(evidence: Evidence) -> list[Table]:
    """All tables that have something to say, in the order of reading."""
    every = [
        scored.systems(evidence),
        records.goals(evidence),
        records.claims(evidence),
        *(
            scored.domains(evidence, split)
            for split in SPLITS
            if FROZEN in evidence.results.systems
        ),
        scored.differences(evidence),
        records.decisions(evidence),
        records.detectors(evidence),
        records.seen_by_layer(evidence),
        records.about(evidence),
        records.origin(evidence),
    ]
    return [table for table in every if table.rows]
