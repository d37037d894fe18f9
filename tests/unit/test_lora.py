"""What is a LoRA expert's own; what all experts share is in test_experts.py."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
from conftest import WORDS

from pipeline.encoder import Encoder
from pipeline.experts.lora import RANK, LoraExpert

TEXTS = [" ".join(WORDS[n : n + 6]) for n in range(0, 120, 6)]


def test_a_fresh_expert_is_exactly_the_frozen_encoder(tiny_encoder: Encoder) -> None:
    frozen = tiny_encoder.encode_queries(TEXTS)
    expert = LoraExpert.new(tiny_encoder, "e1", seed=1)
    with expert.attached():
        assert np.array_equal(tiny_encoder.encode_queries(TEXTS), frozen)
    expert.detach()


def test_it_adds_two_thin_matrices_to_every_linear_layer(tiny_encoder: Encoder) -> None:
    expert = LoraExpert.new(tiny_encoder, "e1", seed=1)
    attention, up, down = 4 * (32 + 32), 32 + 64, 64 + 32
    assert expert.parameter_count == 3 * RANK * (attention + up + down)
    expert.detach()


def test_the_layers_are_written_in_a_sorted_order(tiny_encoder: Encoder, tmp_path: Path) -> None:
    """Sets come in another order in every process."""
    expert = LoraExpert.new(tiny_encoder, "e1", seed=1)
    expert.save(tmp_path)
    modules = json.loads((tmp_path / "adapter_config.json").read_text())["target_modules"]
    assert modules == sorted(modules)
    assert len(modules) == 18
    expert.detach()
