"""LoRA experts: low-rank updates of every linear layer, W x + (α / r) B A x, with B = 0 at birth.

E. J. Hu et al., "LoRA: Low-Rank Adaptation of Large Language Models", ICLR 2022. Weights live in
the encoder's own modules through peft, and are kept in peft's folder format, so that
`PeftModel.from_pretrained(encoder, folder)` loads an expert without nightshift.
"""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from copy import copy
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model_state_dict, set_peft_model_state_dict
from safetensors.torch import load_file, save_file

from nightshift.errors import EncoderError
from pipeline.encoder import Encoder

RANK = 8
ALPHA = 16
TARGETS: str | list[str] = "all-linear"
LAYERS: int | None = None
"""How many of the last layers carry an expert; None: all."""
WEIGHTS = "adapter_model.safetensors"


class LoraExpert:
    """One named adapter inside the encoder; silent unless attached."""

    method = "lora"

    def __init__(self, encoder: Encoder, name: str) -> None:
        self.encoder = encoder
        self.name = name

    @classmethod
    def new(cls, encoder: Encoder, name: str, seed: int) -> LoraExpert:
        """A fresh expert, which at birth is exactly the frozen encoder."""
        config = LoraConfig(
            r=RANK,
            lora_alpha=ALPHA,
            lora_dropout=0.0,
            target_modules=TARGETS,
            layers_to_transform=_last(encoder, LAYERS) if LAYERS else None,
            task_type="FEATURE_EXTRACTION",
            base_model_name_or_path=_public(encoder.checkpoint.name),
        )
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return cls._attach(encoder, name, config)

    @classmethod
    def load(cls, encoder: Encoder, name: str, folder: Path) -> LoraExpert:
        """An expert from its folder; its config is read, none of it is run."""
        expert = cls._attach(encoder, name, LoraConfig.from_pretrained(str(folder)))
        try:
            expert.restore(load_file(folder / WEIGHTS))
        except Exception:
            expert.detach()
            raise
        return expert

    @classmethod
    def _attach(cls, encoder: Encoder, name: str, config: LoraConfig) -> LoraExpert:
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

    @property
    def parameter_count(self) -> int:
        return sum(parameter.numel() for parameter in self._own().values())

    @contextmanager
    def attached(self) -> Iterator[None]:
        training = any(parameter.requires_grad for parameter in self._own().values())
        adapters = self.encoder.adapted.base_model
        adapters.set_adapter(self.name, inference_mode=not training)
        adapters.enable_adapter_layers()
        if not training:
            self._close()
        try:
            yield
        finally:
            adapters.disable_adapter_layers()

    def trainable(self) -> list[torch.nn.Parameter]:
        own = self._own()
        for name, parameter in self.encoder.adapted.named_parameters():
            parameter.requires_grad_(name in own)
        opened = {n for n, p in self.encoder.adapted.named_parameters() if p.requires_grad}
        if not own or opened != set(own):
            raise EncoderError(f"training {self.name} would change weights that are not its own")
        return list(own.values())

    def freeze(self) -> None:
        self.encoder.adapted.base_model.disable_adapter_layers()
        self._close()

    def state(self) -> dict[str, torch.Tensor]:
        weights = get_peft_model_state_dict(
            self.encoder.adapted, adapter_name=self.name, save_embedding_layers=False
        )
        return {name: weight.detach().clone().contiguous() for name, weight in weights.items()}

    def restore(self, state: dict[str, torch.Tensor]) -> None:
        own = self.state()
        if {n: w.shape for n, w in own.items()} != {n: w.shape for n, w in state.items()}:
            raise EncoderError(
                f"the weights of {self.name} do not fit this encoder", hint="nightshift verify"
            )
        set_peft_model_state_dict(self.encoder.adapted, state, adapter_name=self.name)

    def save(self, folder: Path) -> None:
        config = copy(self.encoder.adapted.peft_config[self.name])
        # A set is written in another order by every process.
        config.target_modules = sorted(config.target_modules)
        config.inference_mode = True
        config.save_pretrained(str(folder))
        save_file(self.state(), folder / WEIGHTS)

    def detach(self) -> None:
        others = [name for name in self.encoder.adapted.peft_config if name != self.name]
        if others:
            self.encoder.adapted.base_model.set_adapter(others[0], inference_mode=True)
            self.encoder.adapted.delete_adapter(self.name)
            self.encoder.adapted.base_model.disable_adapter_layers()
            self._close()
        else:
            self.encoder.adapted.unload()
            self.encoder.adapted = None

    def rest_hash(self) -> str:
        own = self._own()
        digest = hashlib.sha256()
        for name, parameter in sorted(self.encoder.adapted.named_parameters()):
            if name not in own:
                digest.update(parameter.detach().numpy().tobytes())
        return digest.hexdigest()

    def _close(self) -> None:
        for parameter in self.encoder.adapted.parameters():
            parameter.requires_grad_(False)

    def _own(self) -> dict[str, torch.nn.Parameter]:
        parts = (f".lora_A.{self.name}.", f".lora_B.{self.name}.")
        return {
            name: parameter
            for name, parameter in self.encoder.adapted.named_parameters()
            if any(part in name for part in parts)
        }


def _last(encoder: Encoder, count: int) -> list[int]:
    layers = encoder.layer_count - 1
    return list(range(layers))[-count:]


def _public(name: str) -> str:
    """An encoder's name without the machine's path to it."""
    return Path(name).resolve().name if Path(name).is_dir() else name
