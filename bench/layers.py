"""Which layers tell kinds of text apart, and do shuffled words predict it?

    python -m bench.layers --data DIR --first A B --others C D ... --sample 300

Learns one kind from the documents of `--first` and prints, layer by layer: the AUROC of known
documents against themselves with their words shuffled (all that `init` can see), and for a sample
of every other domain the AUROC against the known documents and the share beyond each level.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.metrics import roc_auc_score

from bench.told import tell
from flows.encoding import Read, encode
from flows.founding import layers_that_tell
from pipeline.batch import read_batch
from pipeline.checkpoint import locate
from pipeline.detector import TAILS, choose_layers
from pipeline.documents import Document
from pipeline.encoder import Encoder
from pipeline.kinds import KindStatistics, groups_of
from pipeline.progress import silent


def read(encoder: Encoder, documents: Sequence[Document]) -> Read:
    return encode(encoder, documents, range(encoder.layer_count), {}, silent)


def sample(documents: Sequence[Document], size: int) -> list[Document]:
    return sorted(documents, key=lambda document: document.text_hash)[:size]


def by_layer(known: KindStatistics, encoding: Read) -> list[dict[str, Any]]:
    """AUROC and shares of one domain, one layer at a time."""
    distances = known.distances(encoding.features)
    rows = []
    for layer in range(distances.shape[1]):
        usual = known.scores[:, layer]
        truth = np.repeat([0, 1], [len(usual), len(distances)])
        rows.append(
            {
                "auroc": float(roc_auc_score(truth, np.r_[usual, distances[:, layer]])),
                **_shares(usual, distances[:, layer]),
            }
        )
    return rows


def _shares(usual: npt.NDArray[np.float64], seen: npt.NDArray[np.float64]) -> dict[str, float]:
    return {str(level): float((seen > np.quantile(usual, level)).mean()) for level in TAILS}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--first", nargs="+", required=True)
    parser.add_argument("--others", nargs="+", required=True)
    parser.add_argument("--sample", type=int, default=300)
    parser.add_argument("--out", type=Path)
    asked = parser.parse_args()
    encoder = Encoder(locate(None))
    first = [d for name in asked.first for d in read_batch(asked.data / name, name).documents]
    encoding = read(encoder, first)
    groups = groups_of([d.title for d in first], [d.id for d in first])
    known = KindStatistics.of(encoding.features, groups)
    auroc = layers_that_tell(encoder, first, encoding)
    page: dict[str, Any] = {
        "first": asked.first,
        "documents": len(first),
        "shuffled": [float(value) for value in auroc],
        "chosen": choose_layers(auroc),
        "others": {},
    }
    for name in asked.others:
        documents = sample(read_batch(asked.data / name, name).documents, asked.sample)
        page["others"][name] = by_layer(known, read(encoder, documents))
    tell(page, asked.out)


if __name__ == "__main__":
    main()
