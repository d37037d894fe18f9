"""A mixture of LoRAs in every feed-forward layer, behind a cosine router of its own.

    s_i = cos(R_i, h),    p = softmax(s), of which the two largest count
    x   = W_in h + Σ_i p_i D_in^i(h),      out = W_out act(x) + Σ_i p_i D_out^i(act(x))

with D(x) = (α / r) B A x. T. Huynh et al., "MixLoRA-DSI" (EMNLP 2025, arXiv 2507.09924): rank 8,
two LoRAs a layer at first. An heir has one more in every layer where a share δ or more of its
questions is out (pipeline/experts/energies.py), σ = 0 and δ = 1 % as shipped; all that it inherits
stays closed. While it learns, new rows R are drawn to the tokens and pushed off the rows before:

    penalty = Σ_layers [ mean(1 - cos(R, h)) + Σ_old max(0, cos(R_old, R)) ]

Theirs sit in a T5 decoder; these in the encoder that queries go through. Detached, it is the frozen
encoder exactly.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import torch
from safetensors.torch import load_file, save_file
from torch.nn.functional import normalize, relu

from nightshift.errors import EncoderError
from pipeline.encoder import Encoder
from pipeline.experts.energies import Energies, cosines_of, shares_out, some_of
from pipeline.experts.feed_forward import added, best, feed_forward, fresh
from pipeline.experts.tuned import Tuned
from pipeline.experts.weights import Weights

FIRST = 2
SIGMA, DELTA = 0.0, 0.01
FILE, PAGE = "mixlora.safetensors", "mixlora.json"


class MixLora(Tuned):
    """`layers[l]` holds router (n, d), in_down (n, r, d), in_up (n, w, r), out_down (n, r, w) and
    out_up (n, d, r); `open[l]` the same of those experts that learn just now.

    >>> from pipeline.checkpoint import default_checkpoint
    >>> encoder = Encoder(default_checkpoint())
    >>> first = MixLora.new(encoder, "e1", seed=0)
    >>> first.sizes
    [2, 2, 2, 2, 2, 2]
    >>> about_roofs = ["who pays for the roof?", "how old may a roof be?"]
    >>> first.settle(about_roofs)
    >>> heir = first.heir("e2", 0, ["what do whales eat?", "how deep does a whale dive?"])
    >>> heir.sizes, heir.inherited
    ([3, 3, 3, 3, 3, 3], [2, 2, 2, 2, 2, 2])
    """

    method = "mixlora"
    learning_rate = 1e-3

    def __init__(
        self,
        encoder: Encoder,
        name: str,
        layers: Sequence[Weights],
        energies: Energies | None = None,
        inherited: Sequence[int] = (),
    ) -> None:
        super().__init__(encoder, name)
        self.layers = list(layers)
        self.open: dict[int, Weights] = {}
        self.energies = energies or Energies.none()
        self.inherited = list(inherited) or [0] * len(self.layers)
        """Experts in each layer that another mixture brought."""
        self.seen: list[torch.Tensor] = []
        """Unit states (texts, tokens, d) that each layer was given in the last pass."""

    @classmethod
    def new(cls, encoder: Encoder, name: str, seed: int) -> Self:
        """FIRST experts in every layer, all of them ready to learn."""
        shapes = [(inner.in_features, inner.out_features) for inner, _ in feed_forward(encoder)]
        mixture = cls(
            encoder, name, [fresh(torch.Generator(), *shape, count=0) for shape in shapes]
        )
        mixture.grow(range(len(shapes)), seed, FIRST)
        return mixture

    @classmethod
    def load(cls, encoder: Encoder, name: str, folder: Path) -> Self:
        feed_forward(encoder)
        page = json.loads((folder / PAGE).read_text("utf-8"))
        layers: list[Weights] = [{} for _ in page["inherited"]]
        for weight_name, weight in load_file(folder / FILE).items():
            layer, part = weight_name.split(".")
            layers[int(layer)][part] = weight
        energies = Energies.from_json(page["energies"])
        return cls(encoder, name, layers, energies, page["inherited"])

    def copy(self, name: str) -> Self:
        mixture = self._follower(name)
        mixture.inherited = list(self.inherited)
        return mixture

    def heir(self, name: str, seed: int, queries: Sequence[str]) -> Self:
        """All that is here, closed; and one expert more in each layer where queries are out."""
        mixture = self._follower(name)
        shares = shares_out(self, some_of(queries, seed), SIGMA)
        layers = [layer for layer, share in enumerate(shares) if share >= DELTA]
        mixture.grow(layers, seed + sum(self.sizes))
        for layer in layers:
            mixture.energies.grow(layer)
        told = ", ".join(f"{100 * share:.0f} %" for share in shares)
        mixture.story = (
            f"layers {layers or 'none'} of {self.name} grew, where {100 * DELTA:.0f} % of the "
            f"queries or more are out: {told}"
        )
        return mixture

    def grow(self, layers: Sequence[int], seed: int, count: int = 1) -> None:
        """New experts in these layers, ready to learn; all that were there stay closed."""
        generator = torch.Generator().manual_seed(seed)
        for layer in layers:
            inner = self.layers[layer]["in_down"].shape[2]
            outer = self.layers[layer]["in_up"].shape[1]
            self.open[layer] = fresh(generator, inner, outer, count)

    def close(self) -> None:
        """What has learned is closed, and counts as old."""
        self.layers = _apart(self.weights(layer) for layer in range(len(self.layers)))
        self.open = {}

    def weights(self, layer: int) -> Weights:
        """Closed and open experts of a layer."""
        closed, learning = self.layers[layer], self.open.get(layer)
        if learning is None:
            return closed
        return {name: torch.cat([closed[name], learning[name]]) for name in closed}

    def rows(self, layer: int) -> torch.Tensor:
        """Unit rows (n, d) of a layer's router."""
        return normalize(self.weights(layer)["router"], dim=1)

    @property
    def sizes(self) -> list[int]:
        """Experts in each layer."""
        return [len(self.weights(layer)["router"]) for layer in range(len(self.layers))]

    @property
    def parameter_count(self) -> int:
        """Of what it has brought itself."""
        return sum(
            weight[already:].numel()
            for layer, already in enumerate(self.inherited)
            for weight in self.weights(layer).values()
        )

    def trainable(self) -> list[Any]:
        """Open the weights of those that learn."""
        return [w.requires_grad_(True) for one in self.open.values() for w in one.values()]

    def freeze(self) -> None:
        for one in self.open.values():
            for weight in one.values():
                weight.requires_grad_(False)

    def penalty(self, lengths: Sequence[int]) -> torch.Tensor:
        """What new rows of the routers owe after a batch of texts of so many tokens; energies of
        the layers that learn take the batch in.
        """
        # States without a gradient: rows come to the tokens, and never tokens to the rows.
        seen = [
            torch.cat([states[place, :length] for place, length in enumerate(lengths)])
            @ self.rows(layer).T
            for layer, states in enumerate(self.seen)
        ]
        if not self.energies.mean:
            self.energies.begin([cosines.detach() for cosines in seen])
        owed = torch.zeros(())
        for layer in self.open:
            rows = self.rows(layer)
            for new in range(len(rows) - len(self.open[layer]["router"]), len(rows)):
                owed = owed + (1 - seen[layer][:, new]).mean() + relu(rows[:new] @ rows[new]).sum()
            self.energies.met(layer, seen[layer].detach())
        return owed

    def settle(self, queries: Sequence[str]) -> None:
        """Energies of the layers that learned, as these queries have them now: weights that are a
        mean of others have seen no batch.
        """
        layers = zip(*cosines_of(self, some_of(queries, seed=0)), strict=True)
        seen = [torch.cat(tokens) for tokens in layers]
        if not self.energies.mean:
            self.energies.begin(seen)
        for layer in self.open:
            self.energies.met(layer, seen[layer], kept=0.0)

    def state(self) -> Weights:
        return {
            f"{layer}.{name}": weight.detach().clone().contiguous()
            for layer in range(len(self.layers))
            for name, weight in self.weights(layer).items()
        }

    def detach(self) -> None:
        """It is in the encoder only while it is attached."""

    def save(self, folder: Path) -> None:
        save_file(self.state(), folder / FILE)
        page = {"inherited": self.inherited, "energies": self.energies.as_json()}
        (folder / PAGE).write_text(json.dumps(page) + "\n", "utf-8")

    def rest_hash(self) -> str:
        """SHA-256 over the encoder's weights and all that is closed."""
        digest = hashlib.sha256(super().rest_hash().encode())
        for layer in self.layers:
            for _, weight in sorted(layer.items()):
                digest.update(weight.numpy().tobytes())
        return digest.hexdigest()

    def _follower(self, name: str) -> Self:
        layers = _apart(self.weights(layer) for layer in range(len(self.layers)))
        return type(self)(self.encoder, name, layers, self.energies.copy(), self.sizes)

    def _own(self) -> dict[str, torch.nn.Parameter]:
        """None that the encoder has: its weights lie beside it."""
        return {}

    def _put(self, state: Weights) -> None:
        """What it inherited stays, to the last bit."""
        for layer, closed in enumerate(self.layers):
            kept = self.inherited[layer]
            for name in closed:
                weight, old = state[f"{layer}.{name}"], len(closed[name])
                closed[name] = torch.cat([closed[name][:kept], weight[kept:old]])
                if layer in self.open:
                    self.open[layer][name] = weight[old:].clone()

    def _config(self) -> Any:
        return None

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        handles = []
        for layer, (inner, outer) in enumerate(feed_forward(self.encoder)):
            enter, leave = self._hooks(layer)
            handles += [inner.register_forward_hook(enter), outer.register_forward_hook(leave)]
        try:
            yield
        finally:
            for handle in handles:
                handle.remove()

    def _summed(self, experts: Sequence[Any], weights: torch.Tensor) -> Any:
        raise EncoderError("mixtures of LoRAs have no sum", hint='compose = "halves"')

    def _hooks(self, layer: int) -> tuple[Callable[..., Any], Callable[..., Any]]:
        """What is added to the layer's two linear maps; the first decides for both."""
        says: list[torch.Tensor] = []

        def enter(_: Any, given: Any, made: torch.Tensor) -> torch.Tensor:
            # Looked up anew for every batch: they learn between two of them.
            weights, states = self.weights(layer), normalize(given[0], dim=-1)
            if layer == 0:
                self.seen = []
            self.seen.append(states.detach())
            says[:] = [best(torch.softmax(states @ self.rows(layer).T, dim=-1))]
            return made + added(given[0], says[0], weights["in_down"], weights["in_up"])

        def leave(_: Any, given: Any, made: torch.Tensor) -> torch.Tensor:
            weights = self.weights(layer)
            return made + added(given[0], says[0], weights["out_down"], weights["out_up"])

        return enter, leave


def _apart(layers: Any) -> list[Weights]:
    """Copies, of which no gradient is kept."""
    return [{name: weight.detach().clone() for name, weight in one.items()} for one in layers]
