"""What a first corpus teaches: which layers tell kinds of text apart, and which kinds there are."""

from __future__ import annotations

import hashlib
import random
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt

from flows.encoding import Encoding, Read
from flows.groups import ask_about
from flows.modules import Kind
from pipeline.chosen import Chosen
from pipeline.clusters import Rows, cut, join
from pipeline.detector import informative_layers
from pipeline.documents import Document, Pair, Passage, passage_text
from pipeline.encoder import Encoder
from pipeline.kinds import KindStatistics, folds_of, groups_of, spread
from pipeline.router import Router, prototypes_of
from pipeline.terms import name_of

SHUFFLED = 150
"""Known documents whose words are shuffled to see which layers notice."""
SMALLEST_KIND = 50
DOCUMENTS_ASKED, PAIRS_KEPT = 400, 1500
NAMED_BY = 5_000
"""Documents inside and outside of a kind that its name is found in."""


def layers_that_tell(
    encoder: Encoder, documents: Sequence[Document], read: Read
) -> npt.NDArray[np.float64]:
    """How well each layer tells known documents from the same words in random order."""
    groups = groups_of([d.title for d in documents], [d.id for d in documents])
    statistics = KindStatistics.of(read.features, groups)
    chosen = sorted(range(len(documents)), key=lambda row: documents[row].text_hash)[:SHUFFLED]
    texts = [_shuffled(passage_text(documents[row], _whole(documents[row]))) for row in chosen]
    shuffled = encoder.encode_documents(texts).layers
    folds = folds_of(groups[chosen])
    return informative_layers(
        statistics.out_of_fold(read.features[chosen], folds),
        statistics.out_of_fold(shuffled, folds),
    )


def kinds_of(
    encoder: Encoder,
    documents: Sequence[Document],
    encoding: Encoding,
    pairs: Sequence[Pair],
    seed: int,
) -> dict[str, Kind]:
    """The kinds of text that the first corpus holds; most corpora hold one."""
    features, groups = encoding.features, encoding.groups
    clusters = _no_small_ones(join(cut(features, seed), features, groups))
    kinds = {}
    for number, rows in enumerate(clusters, start=1):
        few = spread(rows)
        others = np.setdiff1d(np.arange(len(documents)), rows)
        kinds[f"k{number}"] = _kind(
            encoder,
            f"k{number}",
            Chosen(documents, rows),
            Chosen(documents, spread(others, NAMED_BY)),
            KindStatistics.of(features[few], groups[few]),
            pairs,
            seed,
        )
    return kinds


def first_router(kinds: Mapping[str, Kind], seed: int) -> Router:
    """Prototypes for every kind, none of which has an expert yet."""
    router = Router()
    for kind in kinds.values():
        typical = kind.questions.typical
        if len(typical):
            router = router.with_kind(kind.id, prototypes_of(typical.vectors, seed), None)
    return router


def _kind(
    encoder: Encoder,
    id_: str,
    inside: Chosen[Document],
    others: Sequence[Document],
    statistics: KindStatistics,
    pairs: Sequence[Pair],
    seed: int,
) -> Kind:
    keys = {document.key for document in inside}
    own = sorted((pair for pair in pairs if pair.key in keys), key=_hash)[:PAIRS_KEPT]
    return Kind(
        id=id_,
        name=name_of(inside[:: 1 + (len(inside) - 1) // NAMED_BY], others),
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


def _shuffled(text: str) -> str:
    words = text.split()
    random.Random(text).shuffle(words)
    return " ".join(words)


def _whole(document: Document) -> Passage:
    return Passage(0, len(document.text))


def _hash(pair: Pair) -> str:
    return hashlib.sha256(f"{pair.query}\0{pair.key}".encode("utf-8", "surrogatepass")).hexdigest()
