"""An expert that is all head leaves the encoder as it is, whatever is done to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from conftest import WORDS

from pipeline.composition.methods import HALVES
from pipeline.encoder import Encoder
from pipeline.experts.methods import METHODS
from pipeline.experts.still import StillExpert
from pipeline.training import Lessons, train

TEXTS = [" ".join(WORDS[n : n + 6]) for n in range(0, 60, 6)]


def test_the_encoder_says_the_same_through_it(tiny_encoder: Encoder) -> None:
    frozen = tiny_encoder.encode_queries(TEXTS)
    expert = StillExpert.new(tiny_encoder, "e1", seed=0)
    with expert.attached():
        assert tiny_encoder.guest is expert
        assert np.array_equal(tiny_encoder.encode_queries(TEXTS), frozen)
    assert tiny_encoder.guest is None
    learned = HALVES.learn(tiny_encoder, {"e1": expert}, TEXTS, [{"e1": 1.0}] * len(TEXTS))
    mixed = HALVES.mix(frozen, [{"e1": 1.0}] * len(TEXTS), learned)
    assert np.allclose(mixed, frozen, atol=1e-6)


def test_training_has_nothing_to_teach_it(tiny_encoder: Encoder) -> None:
    expert = StillExpert.new(tiny_encoder, "e1", seed=0)
    vectors = tiny_encoder.encode_documents(TEXTS).vectors
    rows = [np.array([row]) for row in range(len(TEXTS))]
    lessons = Lessons(TEXTS, rows, vectors, np.arange(len(TEXTS)))
    before = expert.rest_hash()
    training = train(tiny_encoder, expert, lessons, minutes=1, seed=0)
    assert (training.queries, training.steps, training.stopped_early) == (len(TEXTS), 0, False)
    assert expert.rest_hash() == before
    assert expert.parameter_count == 0


def test_it_is_kept_as_a_page_that_says_what_it_is(tiny_encoder: Encoder, tmp_path: Path) -> None:
    StillExpert.new(tiny_encoder, "e1", seed=0).save(tmp_path)
    assert "head" in (tmp_path / "expert.json").read_text()
    expert = METHODS["head"].load(tiny_encoder, "e1", tmp_path)
    assert not expert.state()
    weights = torch.ones(len(TEXTS), 1)
    with expert.blended([expert], weights):
        assert tiny_encoder.guest is expert
