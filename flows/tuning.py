"""Tuning: the store's encoder behind a general prefix, taught by all that the store was asked.

It is DDR's first phase (pipeline/phases.py), and changes no store: a folder is written that is an
encoder like any other. `migrate` takes a store to it, if no kind loses by that.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from flows.live import Live, open_live
from flows.membership import forget_departed
from nightshift.errors import EncoderError, NothingToDo
from pipeline.documents import REAL
from pipeline.encoder import Encoder
from pipeline.experts.prefix import PrefixExpert
from pipeline.general import write_checkpoint
from pipeline.lessons import asked_about, lessons
from pipeline.phases import teach_general
from pipeline.progress import Progress, silent
from pipeline.questions import MOST, Questions
from pipeline.training import Training
from state.folder import new_folder
from state.store import Store

ENOUGH = 100
"""Real queries; a prefix has hundreds of times as many weights."""


@dataclass(frozen=True)
class Tuning:
    """An encoder in a folder, and what it was taught by: queries by kind."""

    folder: Path
    encoder: str
    parameters: int
    queries: Mapping[str, int]
    training: Training

    def as_json(self) -> dict[str, Any]:
        return {**vars(self), "folder": str(self.folder), "training": vars(self.training)}


def tune(
    store: Store, folder: Path, *, minutes: float | None = None, progress: Progress = silent
) -> Tuning:
    """Teach a general prefix by the real questions of all kinds, and write the encoder with it."""
    with open_live(store) as live, new_folder(folder) as written:
        forget_departed(live)
        asked = asked_by_kind(live)
        encoder, seed = live.encoder, live.settings.seed
        prefix = _fresh(encoder, seed)
        parameters = prefix.parameter_count
        try:
            training = _taught(live, prefix, list(asked.values()), minutes, progress)
            write_checkpoint(encoder.checkpoint, prefix, written)
        finally:
            prefix.detach()
        counts = {live.modules.kinds[id_].name: len(some.answers) for id_, some in asked.items()}
        return Tuning(folder, encoder.checkpoint.name, parameters, counts, training)


def asked_by_kind(live: Live) -> dict[str, Questions]:
    """What real people asked about each kind and may teach, as many of every kind at most."""
    asked = {
        id_: kind.questions.teaching.where(lambda pair: pair.origin == REAL)
        for id_, kind in live.modules.kinds.items()
    }
    asked = {id_: questions for id_, questions in asked.items() if len(questions)}
    total = sum(len(questions.answers) for questions in asked.values())
    if total < ENOUGH:
        raise NothingToDo(
            f"{total} real questions are too few to tune an encoder by; {ENOUGH} are needed",
            hint="nightshift update BATCH, with queries.jsonl and qrels/train.tsv",
        )
    most, random = MOST // len(asked), np.random.default_rng(live.settings.seed)
    return {id_: questions.some(most, random) for id_, questions in asked.items()}


def _fresh(encoder: Encoder, seed: int) -> PrefixExpert:
    try:
        return PrefixExpert.new(encoder, "tuned", seed)
    except EncoderError as refusal:
        hint = "nightshift migrate --encoder ANOTHER"
        raise EncoderError(refusal.message, hint=hint) from refusal


def _taught(
    live: Live,
    prefix: PrefixExpert,
    asked: list[Questions],
    minutes: float | None,
    progress: Progress,
) -> Training:
    everything, library = Questions.all_of(asked), live.library
    numbers = [library.number_of[key] for key in asked_about(everything)]
    texts = [text for number in numbers for text in library.texts(number)]
    return teach_general(
        live.encoder,
        prefix,
        lessons(everything, library),
        texts,
        minutes=live.settings.train_minutes if minutes is None else minutes,
        seed=live.settings.seed,
        progress=progress,
    )
