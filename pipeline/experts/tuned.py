"""What experts share: some weights of their own beside an encoder's, which stay as they are."""

from __future__ import annotations

import hashlib
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy
from pathlib import Path
from typing import Any, ClassVar, Self

import torch
from safetensors.torch import load_file, save_file

from nightshift.errors import EncoderError
from pipeline.encoder import Encoder
from pipeline.experts.weights import Weights

WEIGHTS = "adapter_model.safetensors"


class Tuned(ABC):
    """One named adapter of an encoder; silent unless attached."""

    method: ClassVar[str]
    learning_rate: ClassVar[float]
    epochs: ClassVar[int] = 4

    def __init__(self, encoder: Encoder, name: str) -> None:
        self.encoder = encoder
        self.name = name
        self.story: str | None = None
        """What is to be told of how it came to be, beside what the gate says."""

    @classmethod
    @abstractmethod
    def new(cls, encoder: Encoder, name: str, seed: int) -> Self:
        """A fresh expert of that name; the seed decides its first weights."""

    @classmethod
    @abstractmethod
    def load(cls, encoder: Encoder, name: str, folder: Path) -> Self:
        """An expert from its folder; its config is read, none of it is run."""

    def copy(self, name: str) -> Self:
        """The same expert under another name."""
        other = type(self).new(self.encoder, name, seed=0)
        other.restore(self.state())
        return other

    def heir(self, name: str, seed: int, queries: Sequence[str]) -> Self:
        """An expert that starts where this one is, to learn from these queries."""
        return self.copy(name)

    def penalty(self, lengths: Sequence[int]) -> torch.Tensor | float:
        """What is added to the loss of a batch of texts of so many tokens that has just passed."""
        return 0.0

    def settle(self, queries: Sequence[str]) -> None:
        """Its weights are final: take note of what taught it. Most have nothing to note."""
        return None

    @abstractmethod
    def state(self) -> Weights:
        """A copy of its weights."""

    @abstractmethod
    def detach(self) -> None:
        """Remove it from the encoder for good."""

    @abstractmethod
    def _own(self) -> dict[str, torch.nn.Parameter]:
        """Its weights, by their names among `weights_in` the encoder."""

    @abstractmethod
    def _put(self, state: Weights) -> None:
        """Weights that fit, put in place."""

    @abstractmethod
    def _config(self) -> Any:
        """peft's description of it."""

    @abstractmethod
    def _speaking(self) -> Any:
        """A context inside which the encoder runs through it."""

    @abstractmethod
    def _summed(self, experts: Sequence[Any], weights: torch.Tensor) -> Any:
        """A context inside which each row of a batch runs through its own sum of experts."""

    @contextmanager
    def attached(self) -> Iterator[None]:
        """Inside, the encoder runs through this expert; outside, it is the frozen encoder again."""
        with self._speaking():
            self.encoder.guest = self
            try:
                yield
            finally:
                self.encoder.guest = None

    @contextmanager
    def blended(self, experts: Sequence[Any], weights: torch.Tensor) -> Iterator[None]:
        """Inside, text i of a batch goes through Σ_e weights[i, e] · expert e, in one pass."""
        with self._summed(experts, weights):
            self.encoder.guest = self
            try:
                yield
            finally:
                self.encoder.guest = None

    @property
    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self._own().values())

    def trainable(self) -> list[torch.nn.Parameter]:
        """Open exactly its weights for training and return them."""
        own = self._own()
        everything = weights_in(self.encoder)
        for name, parameter in everything.items():
            parameter.requires_grad_(name in own)
        opened = {name for name, parameter in everything.items() if parameter.requires_grad}
        if not own or opened != set(own):
            raise EncoderError(f"training {self.name} would change weights that are not its own")
        return list(own.values())

    def freeze(self) -> None:
        """Close all weights."""
        for parameter in weights_in(self.encoder).values():
            parameter.requires_grad_(False)

    def restore(self, state: Weights) -> None:
        """Put a copy back."""
        if {n: w.shape for n, w in self.state().items()} != {n: w.shape for n, w in state.items()}:
            raise EncoderError(
                f"the weights of {self.name} do not fit this encoder", hint="nightshift verify"
            )
        self._put(state)

    def save(self, folder: Path) -> None:
        """Write it in peft's format, with no path of this machine in it."""
        config = copy(self._config())
        config.inference_mode = True
        if isinstance(getattr(config, "target_modules", None), set):
            # A set is written in another order by every process.
            config.target_modules = sorted(config.target_modules)
        config.save_pretrained(str(folder))
        save_file(self.state(), folder / WEIGHTS)

    def read(self, folder: Path) -> None:
        """Take the weights of a folder, or leave the encoder."""
        try:
            self.restore(load_file(folder / WEIGHTS))
        except Exception:
            self.detach()
            raise

    def rest_hash(self) -> str:
        """SHA-256 over every weight in the encoder that is not this expert's."""
        own = self._own()
        digest = hashlib.sha256()
        for name, parameter in sorted(weights_in(self.encoder).items()):
            if name not in own:
                digest.update(parameter.detach().numpy().tobytes())
        return digest.hexdigest()


def weights_in(encoder: Encoder) -> dict[str, torch.nn.Parameter]:
    """Every weight there is by name: the encoder's, and those of all experts in it."""
    named = dict(encoder.model.named_parameters(prefix="model"))
    if encoder.prefixed is not None:
        named |= encoder.prefixed.prompt_encoder.named_parameters(prefix="prefix")
    return named


def public_name(encoder: Encoder) -> str:
    """An encoder's name without the machine's path to it."""
    name = encoder.checkpoint.name
    return Path(name).resolve().name if Path(name).is_dir() else name
