"""Prefix experts: keys and values of their own before those of the text, in every layer.

    head = Attention(x W_q, [P_k; C W_k], [P_v; C W_v])

X. L. Li and P. Liang, "Prefix-Tuning", ACL 2021; composed by domain in DDR (arXiv 2602.22547).
Nothing inside the encoder changes: it is given more to attend to, or it is not, and then it is the
frozen encoder to the last bit. Where the encoder has a general prefix (pipeline/general.py), an
expert's is added to it. Some architectures take no prefix, or take it and ignore it, so each
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
from torch.nn.functional import pad

from nightshift.errors import EncoderError
from pipeline.checkpoint import GENERAL
from pipeline.encoder import Encoder
from pipeline.experts.tuned import Tuned, public_name
from pipeline.experts.weights import Weights

TOKENS = 64
LEAST_ROOM = 32
"""Tokens that must be left for a text: prefix and text share the encoder's positions."""
SPREAD = 0.02
"""Standard deviation of a fresh prefix: not zero, or all its tokens would learn the same."""


class PrefixExpert(Tuned):
    """One named prefix beside the encoder, which takes notice of it from the first.

    >>> import numpy as np
    >>> from pipeline.checkpoint import default_checkpoint
    >>> encoder = Encoder(default_checkpoint())
    >>> frozen = encoder.encode_queries(["who pays for the roof?"])
    >>> expert = PrefixExpert.new(encoder, "e1", seed=0)
    >>> f"{expert.parameter_count / encoder.parameter_count:.1%} of the encoder's weights"
    "1.3% of the encoder's weights"
    >>> with expert.attached():
    ...     prefixed = encoder.encode_queries(["who pays for the roof?"])
    >>> np.allclose(prefixed, frozen, atol=1e-3)
    False
    >>> np.array_equal(encoder.encode_queries(["who pays for the roof?"]), frozen)
    True
    """

    method = "prefix"
    learning_rate = 7e-3

    @classmethod
    def new(cls, encoder: Encoder, name: str, seed: int) -> Self:
        """A fresh prefix, of which the encoder takes notice; or a refusal."""
        room = encoder.room(tokens := _tokens(encoder))
        if room < LEAST_ROOM:
            raise _refused(encoder, f"a text could have {max(0, room)} tokens at most")
        config = PrefixTuningConfig(
            task_type="FEATURE_EXTRACTION",
            num_virtual_tokens=tokens,
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

    def become_general(self) -> None:
        """Stand before everything that the encoder reads, from now on."""
        encoder = self.encoder
        self._wake()
        encoder.through = encoder.prefixed
        encoder.longest = encoder.room(self._config().num_virtual_tokens)

    def general_state(self) -> Weights | None:
        """The weights of the general prefix that this one is added to, if there is one."""
        if GENERAL not in self.encoder.prefixed.peft_config:
            return None
        return PrefixExpert(self.encoder, GENERAL).state()

    @contextmanager
    def _speaking(self) -> Iterator[None]:
        with self._summed([self], torch.ones(1, 1)):
            yield

    @contextmanager
    def _summed(self, experts: Sequence[Any], weights: torch.Tensor) -> Iterator[None]:
        """The encoder behind the weighted sum of several prefixes.

        peft runs one adapter at a time: this one, whose table is the sum meanwhile. Where the
        encoder has a general prefix, that is among the summands here, and runs alone again after.
        """
        encoder, encoders = self.encoder, self.encoder.prefixed.prompt_encoder
        own, before = encoders[self.name], (encoder.through, encoder.longest)
        names = [expert.name for expert in experts]
        if GENERAL in encoders:
            # It has all its say, whatever the others have.
            names, weights = [*names, GENERAL], pad(weights, (0, 1), value=1.0)
        self._wake()
        encoders[self.name] = _Sum(own, [encoders[name].embedding for name in names], weights)
        encoder.through = encoder.prefixed
        encoder.longest = encoder.room(self._config().num_virtual_tokens)
        try:
            yield
        finally:
            encoders[self.name] = own
            encoder.through, encoder.longest = before
            if GENERAL in encoders:
                PrefixExpert(encoder, GENERAL)._wake()

    def _wake(self) -> None:
        """Be the one that peft runs; weights that are closed stay closed."""
        # peft would open the weights of the adapter that it makes active.
        opened = {name for name, weight in self._own().items() if weight.requires_grad}
        self.encoder.prefixed.set_adapter(self.name)
        for name, weight in self._own().items():
            weight.requires_grad_(name in opened)

    def _own(self) -> dict[str, torch.nn.Parameter]:
        named = self.encoder.prefixed.prompt_encoder[self.name].named_parameters()
        return {f"prefix.{self.name}.{name}": parameter for name, parameter in named}


class _Sum(torch.nn.Module):
    """Stands in for peft's table of a prefix: Σ_e weights[i, e] P_e for text i of a batch. A single
    line of weights is for all texts.
    """

    def __init__(
        self, own: torch.nn.Module, tables: Sequence[torch.nn.Embedding], weights: torch.Tensor
    ) -> None:
        super().__init__()
        self.embedding = own.embedding
        # In a tuple, which torch does not look into: they are not this module's to name.
        self.tables, self.weights = tuple(tables), weights

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        tables = torch.stack([table.weight for table in self.tables])
        prefixes = torch.einsum("be,etw->btw", self.weights, tables)
        return prefixes.expand(len(tokens), -1, -1)


def _tokens(encoder: Encoder) -> int:
    """As many as the general prefix has, to which others are added."""
    if encoder.prefixed is None or GENERAL not in encoder.prefixed.peft_config:
        return TOKENS
    return int(encoder.prefixed.peft_config[GENERAL].num_virtual_tokens)


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
