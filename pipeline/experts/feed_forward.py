"""The arithmetic of a mixture of LoRAs in one feed-forward layer (pipeline/experts/mixlora.py)."""

from __future__ import annotations

import torch
from torch.nn.functional import normalize

from nightshift.errors import EncoderError
from pipeline.encoder import Encoder
from pipeline.experts.energies import BEST
from pipeline.experts.weights import Weights

RANK = 8
ALPHA = 16


def feed_forward(encoder: Encoder) -> list[tuple[torch.nn.Linear, torch.nn.Linear]]:
    """The two linear maps of every feed-forward layer; or a refusal."""
    layers = getattr(getattr(encoder.model, "encoder", None), "layer", ())
    try:
        found = [(layer.intermediate.dense, layer.output.dense) for layer in layers]
    except AttributeError:
        found = []
    if not found:
        family = encoder.model.config.model_type
        raise EncoderError(
            f"mixtures of LoRAs need feed-forward layers like BERT's, which {family} has not",
            hint='expert = "lora"',
        )
    return found


def best(says: torch.Tensor) -> torch.Tensor:
    """The BEST largest of each token, the others zero."""
    if says.shape[-1] <= BEST:
        return says
    least = says.topk(BEST, dim=-1).values[..., -1:]
    return torch.where(says >= least, says, 0.0)


def added(
    x: torch.Tensor, says: torch.Tensor, down: torch.Tensor, up: torch.Tensor
) -> torch.Tensor:
    inner = torch.einsum("btd,nrd->btnr", x, down) * says[..., None]
    return ALPHA / RANK * torch.einsum("btnr,nwr->btw", inner, up)


def fresh(generator: torch.Generator, inner: int, outer: int, count: int) -> Weights:
    """A random row and random A each; B is zero, so that they change nothing at birth."""

    def drawn(*shape: int, inputs: int) -> torch.Tensor:
        draws: torch.Tensor = (2 * torch.rand(shape, generator=generator) - 1) * (3 / inputs) ** 0.5
        return draws

    rows = torch.randn(count, inner, generator=generator) * inner**-0.5
    return {
        "router": normalize(rows, dim=1),
        "in_down": drawn(count, RANK, inner, inputs=inner),
        "in_up": torch.zeros(count, outer, RANK),
        "out_down": drawn(count, RANK, outer, inputs=outer),
        "out_up": torch.zeros(count, inner, RANK),
    }
