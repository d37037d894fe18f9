"""A smaller encoder: some layers of another, tuned on a stream's first corpus.

    python -m bench.small_encoder --data DIR --stream FILE --layers 3 --out small

SB-MoE claims its gains for small encoders; this makes one to show it on, as a folder for
`nightshift bench quality --encoder small`. The layers kept are spread evenly over all, the first
and the last among them; only training queries of the first corpus teach.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import numpy as np
import torch

from bench.quality.domains import read_domains
from bench.quality.profiles import SAMPLED
from bench.quality.stream import Night, read_stream
from bench.quality.systems.full_ft import fine_tune
from pipeline.checkpoint import Checkpoint, locate, read_checkpoint
from pipeline.encoder import Encoder
from pipeline.training import Lessons


def cut(checkpoint: Checkpoint, layers: int, folder: Path) -> Encoder:
    """The same encoder with so many of its layers, as a folder of its own."""
    shutil.copytree(checkpoint.folder, folder)
    model = Encoder(checkpoint).model
    every = model.encoder.layer
    kept = np.linspace(0, len(every) - 1, layers).round().astype(int).tolist()
    model.encoder.layer = torch.nn.ModuleList(every[place] for place in kept)
    model.config.num_hidden_layers = layers
    model.save_pretrained(folder)
    return Encoder(read_checkpoint(folder))


def tune(encoder: Encoder, night: Night, seed: int) -> None:
    """Teach it the pairs of a night, much as the benchmark's full fine-tuning would; documents are
    whole here, which the encoder cuts where it ends, and not passages."""
    places = {str(page["_id"]): row for row, page in enumerate(night.corpus)}
    passages = [f"{page.get('title') or ''}\n{page['text']}".strip() for page in night.corpus]
    about = [
        (query.text, [places[id_] for (_, id_), grade in query.grades.items() if grade > 0])
        for _, query in night.pairs
    ]
    queries = [text for text, answers in about if answers]
    answers = [np.array(sorted(answers)) for _, answers in about if answers]
    asked = np.unique(np.concatenate(answers))
    texts = [passages[place] for place in asked]
    rows = [np.searchsorted(asked, each) for each in answers]
    groups = np.array([each[0] for each in rows])
    made = Lessons(queries, rows, encoder.encode_documents(texts).vectors, groups)
    names = [str(night.corpus[place]["_id"]).split("/")[0] for place in asked]
    domains = np.unique(names, return_inverse=True)[1]
    fine_tune(encoder, made, texts, encoder.encode_queries(queries), domains, seed)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--stream", type=Path, required=True)
    parser.add_argument("--layers", type=int, default=3)
    parser.add_argument("--encoder", help="the one that is cut; default: all-MiniLM-L6-v2")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, required=True)
    asked = parser.parse_args()
    stream = read_stream(asked.stream)
    domains = read_domains(asked.data, stream.domains, SAMPLED)
    encoder = cut(locate(asked.encoder), asked.layers, asked.out)
    tune(encoder, next(stream.nights(domains)), asked.seed)
    encoder.model.save_pretrained(asked.out)
    print(f"{asked.out}: {encoder.layer_count - 1} layers, {encoder.parameter_count:,} weights")


if __name__ == "__main__":
    main()
