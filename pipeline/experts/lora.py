"""LoRA experts: low-rank updates of every linear layer, W x + (α / r) B A x, with B = 0 at birth.

E. J. Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022. Weights live in
the encoder's own modules through peft, and are kept in peft's folder format, so that
`PeftModel.from_pretrained(encoder, folder)` loads an expert without nightshift.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import torch
from peft import LoraConfig, PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from peft.tuners.lora import LoraLayer

from nightshift.errors import EncoderError
from pipeline.encoder import Encoder
from pipeline.experts.tuned import Tuned, public_name, weights_in
from pipeline.experts.weights import Weights

RANK = 4
ALPHA = 8
TARGETS: str | list[str] = "all-linear"
LAYERS: int | None = None
"""How many of the last layers carry an expert; None: all."""


class LoraExpert(Tuned):
    """One named adapter inside the encoder.

    >>> import numpy as np
    >>> from pipeline.checkpoint import default_checkpoint
    >>> encoder = Encoder(default_checkpoint())
    >>> frozen = encoder.encode_queries(["who pays for the roof?"])
    >>> expert = LoraExpert.new(encoder, "e1", seed=0)
    >>> f"{expert.parameter_count / encoder.parameter_count:.1%} of the encoder's weights"
    "0.7% of the encoder's weights"
    >>> with expert.attached():
    ...     newborn = encoder.encode_queries(["who pays for the roof?"])
    >>> np.allclose(newborn, frozen, atol=1e-6)
    True
    """

    method = "lora"
    learning_rate = 2e-3
    epochs = 2

    @classmethod
    def new(cls, encoder: Encoder, name: str, seed: int) -> Self:
        """A fresh expert, which at birth is exactly the frozen encoder."""
        config = LoraConfig(
            r=RANK,
            lora_alpha=ALPHA,
            lora_dropout=0.0,
            target_modules=TARGETS,
            layers_to_transform=_last(encoder, LAYERS) if LAYERS else None,
            task_type="FEATURE_EXTRACTION",
            base_model_name_or_path=public_name(encoder),
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls._attach(encoder, name, config)

    @classmethod
    def load(cls, encoder: Encoder, name: str, folder: Path) -> Self:
        """An expert from its folder; its config is read, none of it is run."""
        expert = cls._attach(encoder, name, LoraConfig.from_pretrained(str(folder)))
        expert.read(folder)
        return expert

    @classmethod
    def _attach(cls, encoder: Encoder, name: str, config: LoraConfig) -> Self:
        if encoder.adapted is None:
            with warnings.catch_warnings():
                # peft asks transformers for a name that transformers 5 is about to drop.
                warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing")
                encoder.adapted = PeftModel(encoder.model, config, adapter_name=name)
        elif name in encoder.adapted.peft_config:
            raise EncoderError(f"the expert {name} is in the encoder already")
        else:
            encoder.adapted.add_adapter(name, config)
        expert = cls(encoder, name)
        expert.freeze()
        return expert

    def state(self) -> Weights:
        weights = get_peft_model_state_dict(
            self.encoder.adapted, adapter_name=self.name, save_embedding_layers=False
        )
        return {name: weight.detach().clone().contiguous() for name, weight in weights.items()}

    def detach(self) -> None:
        others = [name for name in self.encoder.adapted.peft_config if name != self.name]
        if others:
            self.encoder.adapted.base_model.set_adapter(others[0], inference_mode=True)
            self.encoder.adapted.delete_adapter(self.name)
            self.encoder.adapted.base_model.disable_adapter_layers()
            self.freeze()
        else:
            self.encoder.adapted.unload()
            self.encoder.adapted = None

    def freeze(self) -> None:
        self.encoder.adapted.base_model.disable_adapter_layers()
        super().freeze()

    def _put(self, state: Weights) -> None:
        set_peft_model_state_dict(self.encoder.adapted, state, adapter_name=self.name)

    def _config(self) -> Any:
        return self.encoder.adapted.peft_config[self.name]

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        with _awake(self._layers, [self.name]):
            yield

    @contextmanager
    def _summed(self, experts: Sequence[Any], weights: torch.Tensor) -> Iterator[None]:
        names = [expert.name for expert in experts]
        layers = list({id(layer): layer for e in experts for layer in e._layers}.values())
        before = [dict(layer.scaling) for layer in layers]
        try:
            for layer in layers:
                for name, column in zip(names, weights.T, strict=True):
                    # A row of the batch is scaled by its own weight; peft multiplies by whatever
                    # stands here.
                    if name in layer.scaling:
                        layer.scaling[name] = layer.scaling[name] * column[:, None, None]
            with _awake(layers, names):
                yield
        finally:
            for layer, scaling in zip(layers, before, strict=True):
                layer.scaling.update(scaling)

    @cached_property
    def _layers(self) -> list[Any]:
        """The layers that it has weights in."""
        layers = [part for part in self.encoder.model.modules() if isinstance(part, LoraLayer)]
        return [layer for layer in layers if self.name in layer.lora_A]

    def _own(self) -> dict[str, torch.nn.Parameter]:
        parts = (f".lora_A.{self.name}.", f".lora_B.{self.name}.")
        return {
            name: parameter
            for name, parameter in weights_in(self.encoder).items()
            if any(part in name for part in parts)
        }


@contextmanager
def _awake(layers: Sequence[Any], names: list[str]) -> Iterator[None]:
    """Inside, these layers add these adapters."""
    # peft's own switches also set `requires_grad` of every weight there is, for each batch of
    # queries that changes experts: as much time as the encoder itself takes for a query.
    for layer in layers:
        layer._active_adapter, layer._disable_adapters = names, False
    try:
        yield
    finally:
        for layer in layers:
            layer._disable_adapters = True


def _last(encoder: Encoder, count: int) -> list[int]:
    layers = encoder.layer_count - 1
    return list(range(layers))[-count:]
