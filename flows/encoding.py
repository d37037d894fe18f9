"""Reading: documents that were never read before are encoded, and all of tonight's are shelved.

A night is read in portions, each of which becomes a segment, so that only the features of a large
one stay at hand.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flows.intake import Intake
from flows.live import SEGMENT, TOMBSTONES, Live, read_library, save_dead
from nightshift.errors import StoreDamaged
from pipeline.cutting import cut
from pipeline.documents import Document, Passage, passage_text
from pipeline.encoder import Encoder, Vectors
from pipeline.kinds import Layers, groups_of
from pipeline.library import Library
from pipeline.progress import Progress, silent
from pipeline.scratch import room
from pipeline.segment import Segment, write_segment
from pipeline.texts import portions
from state.store import Store

PORTION, PORTION_CHARACTERS = 5_000, 2**23
"""Documents of a segment at most, and characters after which no more are added."""

Known = tuple[tuple[Passage, ...], Vectors, Layers]
"""A document's passages, their vectors and its features, from a segment."""


@dataclass(frozen=True)
class Read:
    """Documents as the encoder sees them: the vectors of all their passages, row by row, and their
    features at the informative layers. `encoded` counts those whose text was new.
    """

    passages: tuple[tuple[Passage, ...], ...]
    vectors: Vectors
    features: Layers
    encoded: int


@dataclass(frozen=True)
class Encoding:
    """What stays at hand of all documents of a night: features and groups, row by row."""

    features: Layers
    groups: npt.NDArray[np.uint64]
    encoded: int


@dataclass(frozen=True)
class Shelves:
    """The index as it will be: object ids by name, and opened."""

    index: Mapping[str, str]
    library: Library


def shelve(live: Live, intake: Intake, progress: Progress = silent) -> tuple[Encoding, Shelves]:
    """Read tonight's documents, and put them on the shelves."""
    known = encoded_before(live.store, {document.text_hash for document in intake.documents})
    encoding, segments = write_segments(
        live.store,
        live.encoder,
        intake.documents,
        live.modules.layers,
        known,
        next_number(live.manifest.index),
        progress,
        live.modules.longest_group,
    )
    return encoding, stand(live, intake, segments)


def stand(live: Live, intake: Intake, segments: Mapping[str, str]) -> Shelves:
    """The shelves with tonight's segments, and tombstones on what they replace."""
    index = dict(live.manifest.index)
    dead = live.library.without([*intake.updated, *intake.deleted])
    for name, segment in segments.items():
        # The same documents may come back as they were: then their segment stands already.
        if segment in index.values():
            dead.pop(segment, None)
        else:
            index[name] = segment
    index[TOMBSTONES] = live.store.objects.put(lambda folder: save_dead(dead, folder))
    return Shelves(index, read_library(live.store, index, live.library.segments))


def next_number(index: Mapping[str, str]) -> int:
    """The number of the next segment.

    >>> next_number({"segment/00000001": "ab", "segment/00000004": "cd", "tombstones": "ef"})
    5
    """
    return 1 + max(int(name.removeprefix(SEGMENT)) for name in index if SEGMENT in name)


def write_segments(
    store: Store,
    encoder: Encoder,
    documents: Sequence[Document],
    layers: Sequence[int],
    known: Mapping[str, Known],
    first: int,
    progress: Progress,
    longest: int | None = None,
) -> tuple[Encoding, dict[str, str]]:
    """Read all documents, portion by portion; their features, and the segments by name. `longest`
    is that of pipeline/kinds.py's groups.
    """
    features = room((len(documents), len(layers), encoder.dimension), np.float16)
    segments: dict[str, str] = {}
    titles: list[str] = []
    ids: list[str] = []
    encoded = row = 0
    for portion in portions(documents, PORTION, PORTION_CHARACTERS):
        read = encode(encoder, portion, layers, known, progress)
        features[row : row + len(portion)] = read.features
        name = f"{SEGMENT}{first + len(segments):08d}"
        segments[name] = store.objects.put(_writer(portion, read))
        titles += [document.title for document in portion]
        ids += [document.id for document in portion]
        encoded += read.encoded
        row += len(portion)
    return Encoding(features, groups_of(titles, ids, longest), encoded), segments


def sample(documents: Sequence[Document]) -> list[Document]:
    """Documents from everywhere in a corpus, no more of them than a portion holds.

    >>> few = [Document("default", str(number), "", "short") for number in range(3)]
    >>> sample(few) == few
    True
    """
    characters = sum(len(document.text) for document in documents)
    most = max((len(documents) - 1) // PORTION, (characters - 1) // PORTION_CHARACTERS)
    some = documents[:: 1 + max(0, most)]
    return next(portions(some, PORTION, PORTION_CHARACTERS), [])


def encode(
    encoder: Encoder,
    documents: Sequence[Document],
    layers: Sequence[int],
    known: Mapping[str, Known],
    progress: Progress,
) -> Read:
    """Vectors and features of all documents; those `known` by text hash are not encoded again."""
    first = {document.text_hash: row for row, document in reversed([*enumerate(documents)])}
    fresh = [
        documents[row] for row in sorted(row for hash_, row in first.items() if hash_ not in known)
    ]
    cuts = cut(encoder, fresh)
    texts = [passage_text(d, one) for d, own in zip(fresh, cuts, strict=True) for one in own]
    encoded = encoder.encode_documents(texts, progress)
    ends = np.cumsum([len(own) for own in cuts])[:-1]
    seen = dict(known)
    for document, own, vectors, states in zip(
        fresh,
        cuts,
        np.split(encoded.vectors, ends),
        np.split(encoded.layers, ends),
        strict=bool(fresh),
    ):
        features = states[:, list(layers)].astype(np.float32).mean(axis=0)
        seen[document.text_hash] = own, vectors, features.astype(np.float16)
    rows = [seen[document.text_hash] for document in documents]
    return Read(
        passages=tuple(own for own, _, _ in rows),
        vectors=np.concatenate([v for _, v, _ in rows]) if rows else encoded.vectors,
        features=np.stack([f for _, _, f in rows]) if rows else encoded.layers[:, list(layers)],
        encoded=len(fresh),
    )


def as_known(documents: Sequence[Document], read: Read, layers: Sequence[int]) -> dict[str, Known]:
    """What was read with the features of all layers, as it is known with those of some."""
    ends = np.cumsum([len(cuts) for cuts in read.passages])[:-1]
    vectors = np.split(read.vectors, ends)
    return {
        document.text_hash: (read.passages[row], vectors[row], read.features[row, list(layers)])
        for row, document in enumerate(documents)
    }


def encoded_before(store: Store, wanted: set[str]) -> dict[str, Known]:
    """What any version of this store has encoded before by the live encoder, by text hash.

    A damaged segment of an old version costs some encoding, and never a night.
    """
    found: dict[str, Known] = {}
    live = store.manifest().encoder["fingerprint"]
    names = {
        object_id
        for manifest in store.standing()
        if manifest.encoder["fingerprint"] == live
        for name, object_id in manifest.index.items()
        if name.startswith(SEGMENT)
    }
    for object_id in sorted(names):
        try:
            segment = Segment(store.objects.open(object_id))
        except StoreDamaged:
            continue
        for row, text_hash in enumerate(segment.text_hashes):
            if text_hash in wanted and text_hash not in found:
                found[text_hash] = known_of(segment, row)
    return found


def known_of(segment: Segment, row: int) -> Known:
    """A document as its segment has it."""
    vectors = segment.vectors[segment.first[row] : segment.first[row + 1]]
    return tuple(segment.passages(row)), vectors, segment.layers[row]


def _writer(documents: Sequence[Document], read: Read) -> Callable[[Path], None]:
    return lambda folder: write_segment(
        folder, documents, read.passages, read.vectors, read.features
    )
