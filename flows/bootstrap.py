"""The first version: a corpus becomes a frozen index and the statistics of its kinds."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from flows.clock import Clock
from flows.groups import ask_about
from flows.intake import Encoding, Intake, encode, ingest
from flows.live import SEGMENT, TOMBSTONES, save_dead
from flows.modules import Kind, Modules, Pool, save_modules
from flows.night import Night, batch_facts
from flows.outcome import Outcome
from flows.publication import encoder_facts, library_facts, publish, size_facts
from flows.settings import Settings
from nightshift.errors import BatchError
from pipeline.batch import read_batch
from pipeline.checkpoint import locate
from pipeline.clusters import Rows, cut, join
from pipeline.detector import choose_layers, informative_layers
from pipeline.documents import Document, Pair, Passage, passage_text
from pipeline.encoder import Encoder
from pipeline.kinds import KindStatistics, Layers, folds_of
from pipeline.library import Library
from pipeline.progress import Progress, silent
from pipeline.router import Router, prototypes_of
from pipeline.segment import write_segment
from pipeline.terms import name_of
from state.store import Store

SHUFFLED = 150
"""Known documents whose words are shuffled to see which layers notice."""
SMALLEST_KIND = 50
DOCUMENTS_ASKED, PAIRS_KEPT = 400, 1500


def bootstrap(
    root: Path,
    corpora: Sequence[Path],
    *,
    encoder: str | None = None,
    settings: Settings | None = None,
    progress: Progress = silent,
) -> Night:
    """Make a store at `root` whose version 1 holds everything in `corpora`."""
    settings = settings or Settings()
    clock = Clock()
    batches = [read_batch(path) for path in corpora]
    intakes = [ingest(batch, Library({}, {})) for batch in batches]
    documents = {document.key: document for intake in intakes for document in intake.documents}
    if not documents:
        where = ", ".join(str(path) for path in corpora)
        raise BatchError(
            f"{where} has no document that can be used",
            hint=f'look at {where}: a corpus is lines of {{"_id", "title", "text"}}',
        )
    store = Store.create(root)
    with store.writing():
        model = Encoder(locate(encoder))
        everything = list(documents.values())
        with clock("encode"):
            encoding = encode(model, everything, range(model.layer_count), {}, progress)
        with clock("detect"):
            auroc = layers_that_tell(model, everything, encoding)
            layers = choose_layers(auroc)
            kinds = kinds_of(model, everything, encoding, layers, intakes, settings.seed)
        with clock("publish"):
            modules = Modules(
                tuple(layers),
                tuple(float(value) for value in auroc),
                kinds,
                {},
                _router(kinds, settings.seed),
                Pool.empty(len(layers), model.dimension),
            )
            counts = _counts(intakes, len(documents))
            outcomes = [
                Outcome(kind.name, kind.documents, "absorb", "the first corpus")
                for kind in kinds.values()
            ]
            version = publish(
                store,
                None,
                kind="init",
                reason=f"first corpus: {', '.join(batch.name for batch in batches)}",
                encoder=encoder_facts(model, _lasting(encoder)),
                index=_index(store, everything, encoding, layers),
                modules=save_modules(store, modules, None, {}),
                facts={
                    "batches": [batch_facts(batch) for batch in batches],
                    "outcomes": [outcome.as_json() for outcome in outcomes],
                    "documents": counts,
                    "encoded": encoding.encoded,
                    "seconds": clock.seconds,
                    "detection": {"layers": layers, "auroc": list(modules.auroc)},
                    "quarantined": [
                        vars(entry) for intake in intakes for entry in intake.quarantined
                    ],
                    "settings": settings.as_json(),
                    "libraries": library_facts(),
                    **size_facts(modules, len(documents)),
                },
            ).version
    names = "+".join(batch.name for batch in batches)
    return Night(names, version, tuple(outcomes), counts, encoding.encoded, clock.seconds)


def layers_that_tell(
    encoder: Encoder, documents: Sequence[Document], encoding: Encoding
) -> npt.NDArray[np.float64]:
    """How well each layer tells known documents from the same words in random order."""
    statistics = KindStatistics.of(encoding.features, encoding.groups)
    chosen = sorted(range(len(documents)), key=lambda row: documents[row].text_hash)[:SHUFFLED]
    texts = [_shuffled(passage_text(documents[row], _whole(documents[row]))) for row in chosen]
    shuffled = encoder.encode_documents(texts).layers
    folds = folds_of(encoding.groups[chosen])
    return informative_layers(
        statistics.out_of_fold(encoding.features[chosen], folds),
        statistics.out_of_fold(shuffled, folds),
    )


def kinds_of(
    encoder: Encoder,
    documents: Sequence[Document],
    encoding: Encoding,
    layers: Sequence[int],
    intakes: Sequence[Intake],
    seed: int,
) -> dict[str, Kind]:
    """The kinds of text that the first corpus holds; most corpora hold one."""
    features = encoding.features[:, list(layers)]
    clusters = _no_small_ones(join(cut(features, seed), features, encoding.groups))
    pairs = [pair for intake in intakes for pair in intake.pairs]
    kinds = {}
    for number, rows in enumerate(clusters, start=1):
        inside = [documents[row] for row in rows]
        others = [documents[row] for row in np.setdiff1d(np.arange(len(documents)), rows)]
        kinds[f"k{number}"] = _kind(
            encoder,
            f"k{number}",
            inside,
            others,
            features[rows],
            encoding.groups[rows],
            pairs,
            seed,
        )
    return kinds


def _kind(
    encoder: Encoder,
    id_: str,
    inside: Sequence[Document],
    others: Sequence[Document],
    features: Layers,
    groups: npt.NDArray[np.uint64],
    pairs: Sequence[Pair],
    seed: int,
) -> Kind:
    keys = {document.key for document in inside}
    own = sorted((pair for pair in pairs if pair.key in keys), key=_hash)[:PAIRS_KEPT]
    statistics = KindStatistics.of(features, groups)
    return Kind(
        id=id_,
        name=name_of(inside, others),
        documents=len(inside),
        born=1,
        statistics=statistics,
        birth=statistics,
        questions=ask_about(encoder, inside, own, DOCUMENTS_ASKED, seed),
    )


def _no_small_ones(clusters: Sequence[Rows]) -> list[Rows]:
    """Clusters too small for statistics of their own go to the largest."""
    kept = [rows for rows in clusters if len(rows) >= SMALLEST_KIND] or list(clusters[:1])
    small = [rows for rows in clusters if not any(rows is other for other in kept)]
    return [np.sort(np.concatenate([kept[0], *small])), *kept[1:]]


def _router(kinds: Mapping[str, Kind], seed: int) -> Router:
    router = Router()
    for kind in kinds.values():
        typical = kind.questions.typical
        if len(typical):
            router = router.with_kind(kind.id, prototypes_of(typical.vectors, seed), None)
    return router


def _index(
    store: Store, documents: Sequence[Document], encoding: Encoding, layers: Sequence[int]
) -> dict[str, str]:
    return {
        f"{SEGMENT}{1:08d}": store.objects.put(
            lambda folder: write_segment(
                folder,
                documents,
                encoding.passages,
                encoding.vectors,
                encoding.features[:, list(layers)],
            )
        ),
        TOMBSTONES: store.objects.put(lambda folder: save_dead({}, folder)),
    }


def _counts(intakes: Sequence[Intake], added: int) -> dict[str, int]:
    quarantined = sum(len(intake.quarantined) for intake in intakes)
    repeated = sum(len(intake.documents) for intake in intakes) - added
    return {
        "added": added,
        "updated": repeated,
        "deleted": 0,
        "unchanged": sum(intake.unchanged for intake in intakes),
        "quarantined": quarantined,
    }


def _lasting(encoder: str | None) -> str | None:
    """A folder's name that means the same from everywhere; hub ids stay as they are."""
    return str(Path(encoder).resolve()) if encoder and Path(encoder).is_dir() else encoder


def _shuffled(text: str) -> str:
    words = text.split()
    random.Random(text).shuffle(words)
    return " ".join(words)


def _whole(document: Document) -> Passage:
    return Passage(0, len(document.text))


def _hash(pair: Pair) -> str:
    return hashlib.sha256(f"{pair.query}\0{pair.key}".encode("utf-8", "surrogatepass")).hexdigest()
