"""A mixture of LoRAs in every feed-forward layer, behind a cosine router of its own.

    s_i = cos(R_i, h),    p = softmax(s), of which the two largest count
    x   = W_in h + Σ_i p_i D_in^i(h),      out = W_out act(x) + Σ_i p_i D_out^i(act(x))

with D(x) = (α / r) B A x. T. Huynh et al., "MixLoRA-DSI" (EMNLP 2025, arXiv 2507.09924): rank 8,
two LoRAs a layer at first, one more where a layer grows (pipeline/growing.py). Theirs sit in a T5
decoder; these in the encoder that queries go through. Detached, it is the frozen encoder exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize

from nightshift.errors import EncoderError
from pipeline.encoder import Encoder
from pipeline.experts.weights import Weights

RANK = 8
ALPHA = 16
FIRST = 2
BEST = 2
FILE = "mixlora.safetensors"


class MixLora:
    """`layers[l]` holds router (n, d), in_down (n, r, d), in_up (n, w, r), out_down (n, r, w) and
    out_up (n, d, r); `open[l]` the same of those experts that learn just now.
    """

    method = "mixlora"
    learning_rate = 1e-3

    def __init__(self, encoder: Encoder, layers: Sequence[Weights], name: str = "mixlora") -> None:
        self.encoder, self.name = encoder, name
        self.layers = list(layers)
        self.open: dict[int, Weights] = {}
        self.seen: list[torch.Tensor] = []
        """Cosines (texts, tokens, n) of each layer in the last pass."""

    @classmethod
    def new(cls, encoder: Encoder, seed: int) -> Self:
        """FIRST experts in every layer, all of them ready to learn."""
        shapes = [(inner.in_features, inner.out_features) for inner, _ in feed_forward(encoder)]
        mixture = cls(encoder, [_fresh(torch.Generator(), *shape, count=0) for shape in shapes])
        mixture.grow(range(len(shapes)), seed, FIRST)
        return mixture

    def grow(self, layers: Sequence[int], seed: int, count: int = 1) -> None:
        """New experts in these layers, ready to learn; all that were there stay closed."""
        generator = torch.Generator().manual_seed(seed)
        for layer in layers:
            _, rank, inner = self.layers[layer]["in_down"].shape
            outer = self.layers[layer]["in_up"].shape[1]
            assert rank == RANK
            self.open[layer] = _fresh(generator, inner, outer, count)

    def close(self) -> None:
        """What has learned is closed, and counts as old."""
        self.layers = [self.weights(layer) for layer in range(len(self.layers))]
        self.layers = [{n: w.detach().clone() for n, w in one.items()} for one in self.layers]
        self.open = {}

    def weights(self, layer: int) -> Weights:
        """Closed and open experts of a layer."""
        closed, learning = self.layers[layer], self.open.get(layer)
        if learning is None:
            return closed
        return {name: torch.cat([closed[name], learning[name]]) for name in closed}

    @property
    def sizes(self) -> list[int]:
        """Experts in each layer."""
        return [len(self.weights(layer)["router"]) for layer in range(len(self.layers))]

    @property
    def parameter_count(self) -> int:
        return sum(weight.numel() for weight in self.state().values())

    def trainable(self) -> list[torch.Tensor]:
        """Open the weights of those that learn."""
        return [w.requires_grad_(True) for one in self.open.values() for w in one.values()]

    def freeze(self) -> None:
        for one in self.open.values():
            for weight in one.values():
                weight.requires_grad_(False)

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Inside, the encoder runs through it."""
        handles = []
        for layer, (inner, outer) in enumerate(feed_forward(self.encoder)):
            enter, leave = self._hooks(layer)
            handles += [inner.register_forward_hook(enter), outer.register_forward_hook(leave)]
        self.encoder.guest = self
        try:
            yield
        finally:
            self.encoder.guest = None
            for handle in handles:
                handle.remove()

    def state(self) -> Weights:
        return {
            f"{layer}.{name}": weight.detach().clone().contiguous()
            for layer in range(len(self.layers))
            for name, weight in self.weights(layer).items()
        }

    def save(self, folder: Path) -> None:
        save_file(self.state(), folder / FILE)

    @classmethod
    def load(cls, encoder: Encoder, folder: Path) -> Self:
        page = load_file(folder / FILE)
        count = 1 + max(int(name.split(".")[0]) for name in page)
        layers: list[Weights] = [{} for _ in range(count)]
        for name, weight in page.items():
            layer, part = name.split(".")
            layers[int(layer)][part] = weight
        return cls(encoder, layers)

    def _hooks(self, layer: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """What is added to the layer's two linear maps; the first decides for both."""
        weights, says = self.weights(layer), list[torch.Tensor]()

        def enter(_: Any, given: Any, made: torch.Tensor) -> torch.Tensor:
            cosines = normalize(given[0], dim=-1) @ normalize(weights["router"], dim=-1).T
            if layer == 0:
                self.seen = []
            self.seen.append(cosines)
            says[:] = [_best(torch.softmax(cosines, dim=-1))]
            return made + _added(given[0], says[0], weights["in_down"], weights["in_up"])

        def leave(_: Any, given: Any, made: torch.Tensor) -> torch.Tensor:
            return made + _added(given[0], says[0], weights["out_down"], weights["out_up"])

        return enter, leave


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


def _best(says: torch.Tensor) -> torch.Tensor:
    """The BEST largest of each token, the others zero."""
    if says.shape[-1] <= BEST:
        return says
    least = says.topk(BEST, dim=-1).values[..., -1:]
    return torch.where(says >= least, says, 0.0)


def _added(
    x: torch.Tensor, says: torch.Tensor, down: torch.Tensor, up: torch.Tensor
) -> torch.Tensor:
    inner = torch.einsum("btd,nrd->btnr", x, down) * says[..., None]
    return ALPHA / RANK * torch.einsum("btnr,nwr->btw", inner, up)


def _fresh(generator: torch.Generator, inner: int, outer: int, count: int) -> Weights:
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
