"""How often pupils hear their lessons in a test: random encoders need more than real ones."""

from __future__ import annotations

import pytest

from pipeline.experts.lora import LoraExpert
from pipeline.experts.tuned import Tuned
from pipeline.head import Head


def of(patch: pytest.MonkeyPatch, epochs: int) -> None:
    """So many epochs for experts of every method and for heads."""
    for pupil in (Tuned, LoraExpert, Head):
        patch.setattr(pupil, "epochs", epochs)
