"""What the detectors make of the same nights, from the features that the encoder's cache holds."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

import numpy as np

from bench.quality.collect import DETECTORS
from bench.quality.detectors import detectors
from bench.quality.domains import Domain, place, read_domains
from bench.quality.known import Night, Rows
from bench.quality.run import Run
from bench.quality.stream import BOOTSTRAP, Stream, named
from bench.quality.systems.frozen import SEED
from flows.encoding import encode
from pipeline.detectors.base import Groups
from pipeline.documents import Document
from pipeline.encoder import Encoder
from pipeline.kinds import Layers, groups_of
from pipeline.progress import silent

SPLITS = {"small": 20, "standard": 1000, "full": 1000}


def compare_detectors(run: Run) -> None:
    """Keep what the detectors tell, beside the cells; nothing where it is kept already."""
    file = run.out / "cells" / DETECTORS
    if file.exists():
        return
    domains = read_domains(run.data, run.stream.domains, run.profile.share)
    with run.shared.floor.after(BOOTSTRAP) as live:
        layers = list(live.modules.layers)
    page = detectors(
        {name: _features(run.encoder, domain) for name, domain in domains.items()},
        nights_of(run.stream, domains),
        [alike(run.stream)],
        layers,
        SPLITS[run.profile.name],
        SEED,
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    temporary = file.with_suffix(".tmp")
    temporary.write_text(json.dumps({**page, "layers": layers}, indent=1) + "\n", "utf-8")
    os.replace(temporary, file)


def alike(stream: Stream) -> set[str]:
    """Domains of one kind: the first corpus, and what may only be absorbed into it.

    A night after the first one that must be absorbed may mean other kinds that are known by then.
    """
    first, *rest = stream.planned
    names = {part.domain for part in first.add}
    for night in rest:
        if night.accept != (frozenset({"absorb"}),):
            break
        names |= {part.domain for part in night.add}
    return names


def nights_of(stream: Stream, domains: Mapping[str, Domain]) -> list[Night]:
    """Each night's rows by domain; nights that bring no document of a domain are left out."""
    places = {
        name: np.array([place(document.id) for document in domain.documents])
        for name, domain in domains.items()
    }
    nights: list[Night] = []
    for night in stream.planned:
        rows: dict[str, Rows] = {}
        for part in (*night.add, *night.update):
            here = places[part.domain]
            found = np.flatnonzero((here >= 1000 * part.start) & (here < 1000 * part.end))
            rows[part.domain] = np.union1d(rows.get(part.domain, found[:0]), found)
        if any(map(len, rows.values())):
            nights.append((night.name, rows))
    return nights


def _features(encoder: Encoder, domain: Domain) -> tuple[Layers, Groups]:
    """Features of all layers, and the groups that titles make."""
    documents = [
        Document("default", named(domain.name, one.id), one.title, one.text)
        for one in domain.documents
    ]
    read = encode(encoder, documents, range(encoder.layer_count), {}, silent)
    groups = groups_of([one.title for one in documents], [one.id for one in documents])
    return read.features, groups
