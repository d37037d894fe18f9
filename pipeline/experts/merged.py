"""An expert's updates added to the weights that they stand beside: W + (α / r) B A.

What is merged runs in one pass and needs no peft. All other tensors of the checkpoint, a pooler
that no embedding uses included, stay byte for byte, under the names that their makers gave them.
"""

from __future__ import annotations

from pathlib import Path

import torch
from peft.tuners.lora import Linear
from safetensors.torch import load_file, save_file

from nightshift.errors import EncoderError
from pipeline.encoder import Encoder
from pipeline.experts.lora import LoraExpert
from pipeline.experts.weights import Weights

CHECKPOINT = "model.safetensors"


def save_merged(expert: LoraExpert, file: Path) -> None:
    """Write the encoder's checkpoint with the expert merged into it; the encoder stays frozen."""
    encoder = expert.encoder
    weights = load_file(encoder.checkpoint.folder / CHECKPOINT)
    for layer, update in updates(encoder, expert.name).items():
        name = _written_as(layer, weights, encoder)
        # Half precision would round the update away.
        weights[name] = weights[name].float() + update
    save_file(weights, file, metadata={"format": "pt"})


def updates(encoder: Encoder, expert: str) -> Weights:
    """What an expert adds to each linear layer that it sits in."""
    found: Weights = {}
    for name, layer in encoder.model.named_modules():
        if isinstance(layer, Linear) and expert in layer.lora_A:
            with torch.inference_mode():
                found[name] = layer.get_delta_weight(expert).clone()
    return found


def _written_as(layer: str, weights: Weights, encoder: Encoder) -> str:
    """The name of a layer's weight in the file; some are written below their model's own name."""
    prefix = encoder.model.base_model_prefix
    for name in (f"{layer}.weight", f"{prefix}.{layer}.weight"):
        if name in weights:
            return name
    raise EncoderError(
        f"{CHECKPOINT} of {encoder.checkpoint.name} calls {layer} by another name",
        hint="nightshift export peft --out FOLDER",
    )
