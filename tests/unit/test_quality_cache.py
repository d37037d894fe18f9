"""What the benchmark remembers of an encoder is what the encoder says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import WORDS

from bench.quality.cache import CachedEncoder
from pipeline.checkpoint import read_checkpoint
from pipeline.encoder import Encoder
from pipeline.experts.lora import LoraExpert

TEXTS = [" ".join(WORDS[n : n + 6]) for n in range(0, 60, 6)]


@pytest.fixture
def cached(tiny_encoder_folder: Path, tmp_path: Path) -> CachedEncoder:
    return CachedEncoder(read_checkpoint(tiny_encoder_folder), tmp_path / "encodings")


def test_documents_and_queries_come_back_as_they_were_encoded(
    cached: CachedEncoder, tiny_encoder: Encoder
) -> None:
    for _ in range(2):
        found = cached.encode_documents(TEXTS)
        assert found.vectors == pytest.approx(
            tiny_encoder.encode_documents(TEXTS).vectors, abs=1e-6
        )
        asked = cached.encode_queries(TEXTS)
        assert asked == pytest.approx(tiny_encoder.encode_queries(TEXTS), abs=1e-6)


def test_what_an_expert_makes_of_them_is_not_what_the_frozen_encoder_made(
    cached: CachedEncoder,
) -> None:
    frozen, asked = cached.encode_documents(TEXTS).vectors, cached.encode_queries(TEXTS)
    expert = LoraExpert.new(cached, "e1", seed=1)
    expert.restore({name: weight + 0.1 for name, weight in expert.state().items()})
    with expert.attached():
        assert not np.allclose(cached.encode_documents(TEXTS).vectors, frozen, atol=1e-3)
        assert not np.allclose(cached.encode_queries(TEXTS), asked, atol=1e-3)
    assert np.array_equal(cached.encode_documents(TEXTS).vectors, frozen)
    assert np.array_equal(cached.encode_queries(TEXTS), asked)
