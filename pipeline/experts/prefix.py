"""Prefix experts: keys and values of their own before those of the text, in every layer.

    head = Attention(x W_q, [P_k; C W_k], [P_v; C W_v])

X. L. Li and P. Liang, "Prefix-Tuning", ACL 2021; composed by domain in DDR (arXiv 2602.22547).
Nothing inside the encoder changes: it is given more to attend to, or it is not, and then it is the
frozen encoder to the last bit. Some architectures take no prefix, or take it and ignore it, so each
newcomer is probed. Kept in peft's folder format.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import torch
from peft import (
    PeftModelForFeatureExtraction,
    PrefixTuningConfig,
    get_peft_model_state_dict,
    set_peft_model_state_dict,
)

from nightshift.errors import EncoderError
from pipeline.encoder import Encoder
from pipeline.experts.tuned import Tuned, public_name
from pipeline.experts.weights import Weights

TOKENS = 64
LEAST_ROOM = 32
"""Tokens that must be left for a text: prefix and text share the encoder's positions."""
SPREAD = 0.02
"""Standard deviation of a fresh prefix: not zero, or all its tokens would learn the same."""


class PrefixExpert(Tuned):
    """One named prefix beside the encoder."""

    method = "prefix"
    learning_rate = 7e-3

    @classmethod
    def new(cls, encoder: Encoder, name: str, seed: int) -> Self:
        """A fresh prefix, of which the encoder takes notice; or a refusal."""
        room = _room(encoder, TOKENS)
        if room < LEAST_ROOM:
            raise _refused(encoder, f"a text could have {max(0, room)} tokens at most")
        config = PrefixTuningConfig(
            task_type="FEATURE_EXTRACTION",
            num_virtual_tokens=TOKENS,
            base_model_name_or_path=public_name(encoder),
        )
        try:
            expert = cls._attach(encoder, name, config)
        except (ValueError, TypeError, AttributeError) as error:
            raise _refused(encoder, "peft cannot make a prefix for it") from error
        generator = torch.Generator().manual_seed(seed)
        fresh = {
            name: SPREAD * torch.randn(weight.shape, generator=generator)
            for name, weight in expert.state().items()
        }
        expert.restore(fresh)
        try:
            _probe(expert)
        except EncoderError:
            expert.detach()
            raise
        return expert

    @classmethod
    def load(cls, encoder: Encoder, name: str, folder: Path) -> Self:
        """A prefix from its folder."""
        expert = cls._attach(encoder, name, PrefixTuningConfig.from_pretrained(str(folder)))
        expert.read(folder)
        return expert

    @classmethod
    def _attach(cls, encoder: Encoder, name: str, config: PrefixTuningConfig) -> Self:
        if encoder.prefixed is not None and name in encoder.prefixed.peft_config:
            raise EncoderError(f"the expert {name} is in the encoder already")
        # Otherwise peft reads the table itself, and repeats it for every row.
        config.inference_mode = False
        # peft draws first weights that are never used.
        with torch.random.fork_rng(devices=[]), warnings.catch_warnings():
            # It asks transformers for a name that transformers 5 is about to drop.
            warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing")
            if encoder.prefixed is None:
                model = PeftModelForFeatureExtraction(encoder.model, config, adapter_name=name)
                encoder.prefixed = model.eval()
            else:
                encoder.prefixed.add_adapter(name, config)
        expert = cls(encoder, name)
        expert.freeze()
        return expert

    def state(self) -> Weights:
        weights = get_peft_model_state_dict(
            self.encoder.prefixed, adapter_name=self.name, save_embedding_layers=False
        )
        return {name: weight.detach().clone().contiguous() for name, weight in weights.items()}

    def detach(self) -> None:
        prefixed = self.encoder.prefixed
        del prefixed.prompt_encoder[self.name]
        del prefixed.prompt_tokens[self.name]
        del prefixed.peft_config[self.name]
        if not prefixed.peft_config:
            self.encoder.prefixed = None

    def _put(self, state: Weights) -> None:
        set_peft_model_state_dict(self.encoder.prefixed, state, adapter_name=self.name)

    def _config(self) -> Any:
        return self.encoder.prefixed.peft_config[self.name]

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        # peft would open the weights of the adapter that it makes active.
        opened = {name for name, weight in self._own().items() if weight.requires_grad}
        self.encoder.prefixed.set_adapter(self.name)
        for name, weight in self._own().items():
            weight.requires_grad_(name in opened)
        room = _room(self.encoder, self._config().num_virtual_tokens)
        self.encoder.through, self.encoder.longest = self.encoder.prefixed, room
        try:
            yield
        finally:
            self.encoder.through = self.encoder.longest = None

    @contextmanager
    def _summed(self, experts: Sequence[Any], weights: torch.Tensor) -> Iterator[None]:
        encoders = self.encoder.prefixed.prompt_encoder
        own = encoders[self.name]
        tables = torch.stack([encoders[expert.name].embedding.weight for expert in experts])
        with self._speaking():
            encoders[self.name] = _Given(own, torch.einsum("be,etw->btw", weights, tables))
            try:
                yield
            finally:
                encoders[self.name] = own

    def _own(self) -> dict[str, torch.nn.Parameter]:
        named = self.encoder.prefixed.prompt_encoder[self.name].named_parameters()
        return {f"prefix.{self.name}.{name}": parameter for name, parameter in named}


class _Given(torch.nn.Module):
    """Stands in for peft's table of a prefix: a prefix for each row of a batch."""

    def __init__(self, table: torch.nn.Module, prefixes: torch.Tensor) -> None:
        super().__init__()
        self.embedding = table.embedding
        self.prefixes = prefixes

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.prefixes


def _room(encoder: Encoder, tokens: int) -> int:
    """Tokens that a text may have beside so many of a prefix."""
    positions = getattr(encoder.model.config, "max_position_embeddings", None)
    longest = encoder.checkpoint.max_length
    return longest if positions is None else min(longest, int(positions) - tokens)


def _probe(expert: PrefixExpert) -> None:
    """Refuse an encoder that fails with a prefix, does not listen to it, or cannot teach it."""
    encoder = expert.encoder
    tokens = encoder.tokenise(["one text", "and another one"], "query")
    frozen = encoder.embed(tokens).detach()
    kept = expert.state()
    expert.restore({name: weight / SPREAD for name, weight in kept.items()})
    weights = expert.trainable()
    try:
        with expert.attached():
            spoken = encoder.embed(tokens)
        if torch.equal(spoken.detach(), frozen):
            raise _refused(encoder, "a prefix changes nothing in what it says")
        spoken[:, 0].sum().backward()  # type: ignore[no-untyped-call]
        if not any(w.grad is not None and bool(w.grad.abs().sum() > 0) for w in weights):
            raise _refused(encoder, "no gradient reaches a prefix")
    except EncoderError:
        raise
    except Exception as error:
        raise _refused(encoder, "it fails when it is given a prefix") from error
    finally:
        expert.freeze()
        for weight in weights:
            weight.grad = None
        expert.restore(kept)


def _refused(encoder: Encoder, why: str) -> EncoderError:
    family = encoder.model.config.model_type
    return EncoderError(
        f"prefix experts do not work on {public_name(encoder)} ({family}): {why}",
        hint='expert = "lora"',
    )
