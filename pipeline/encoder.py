"""The frozen encoder: texts in, unit vectors and layer features out, in one pass.

Texts are sorted by length and packed into batches of about two thousand tokens: on a CPU larger
batches fall out of the cache, and unsorted ones compute mostly padding.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
import transformers
from transformers import AutoModel, AutoTokenizer

from nightshift.errors import EncoderError
from pipeline.checkpoint import Checkpoint
from pipeline.progress import Progress, silent

Vectors = npt.NDArray[np.float32]
TOKENS_PER_BATCH = 2048
TOKENISED_AT_ONCE = 256
"""Texts: the tokenizer remembers a hundred bytes about every token, also of those it cuts off."""


@dataclass(frozen=True)
class Encoded:
    """`vectors` (n, dimension) and `layers` (n, layers, dimension), the mean-pooled states."""

    vectors: Vectors
    layers: npt.NDArray[np.float16]


class Encoder:
    """A checkpoint in memory. Its weights never change; experts attach to it and detach again."""

    def __init__(self, checkpoint: Checkpoint) -> None:
        self.checkpoint = checkpoint
        self.tokenizer, self.model = _load(checkpoint)
        self.model.eval().requires_grad_(False)
        self.dimension = int(self.model.config.hidden_size)
        self.layer_count = int(self.model.config.num_hidden_layers) + 1
        self.fingerprint = fingerprint(checkpoint)
        self.adapted: Any = None
        """peft's view of the model, once an expert has moved in."""
        self.prefixed: Any = None
        """peft's view of the model with prefixes, once there is one."""
        self.through: Any = None
        """What runs in the model's place: always where there is a general prefix, or while an
        expert that wraps the model is attached."""
        self.longest: int | None = None
        """Tokens of a text that it can take meanwhile; None: all that the checkpoint allows."""
        self.guest: Any = None
        """The expert that is attached."""
        if checkpoint.general:
            from pipeline.general import put_before  # peft, which no plain encoder waits for

            put_before(self, checkpoint.general)
        self.parameter_count = sum(weight.numel() for weight in self._body.parameters())

    def twin(self) -> Encoder:
        """The same weights, not copied, in a body of its own: experts that move in there are not
        here, and another thread may ask it. For an encoder that no expert has moved into.
        """
        other = copy(self)
        weights = [*self._body.parameters(), *self._body.buffers()]
        body = deepcopy(self._body, {id(weight): weight for weight in weights})
        if self.through is None:
            other.model = body
        else:
            other.model, other.through, other.prefixed = body.get_base_model(), body, body
        other.tokenizer = deepcopy(self.tokenizer)
        return other

    def room(self, prefix: int) -> int:
        """Tokens that a text may have behind a prefix of so many: both need positions."""
        positions = getattr(self.model.config, "max_position_embeddings", None)
        longest = self.checkpoint.max_length
        if positions is None:
            return longest
        return min(longest, int(positions) - self._unused_positions - prefix)

    def encode_documents(self, texts: Sequence[str], progress: Progress = silent) -> Encoded:
        """Vectors and layer features of `texts`, in their order."""
        tokens = self.tokenise(texts, "document")
        vectors = np.empty((len(texts), self.dimension), np.float32)
        layers = np.empty((len(texts), self.layer_count, self.dimension), np.float16)
        done = 0
        for rows in batches([len(ids) for ids in tokens]):
            with torch.inference_mode():
                ids, mask = self._pad([tokens[row] for row in rows])
                output = self._run(ids, mask, output_hidden_states=True)
                vectors[rows] = self._pool(output.last_hidden_state, mask).numpy()
                for layer, states in enumerate(output.hidden_states):
                    layers[rows, layer] = _mean(states, mask).numpy()
            done += len(rows)
            progress("encoding", done, len(texts))
        return Encoded(vectors, layers)

    def encode_queries(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors of `texts`, through whatever expert is attached at the moment."""
        tokens = self.tokenise(texts, "query")
        vectors = np.empty((len(texts), self.dimension), np.float32)
        for rows in batches([len(ids) for ids in tokens]):
            with torch.inference_mode():
                vectors[rows] = self.embed([tokens[row] for row in rows]).numpy()
        return vectors

    def embed(self, tokens: Sequence[list[int]]) -> torch.Tensor:
        """Pooled vectors of one batch of token lists; carries a gradient where there is one."""
        ids, mask = self._pad(tokens)
        return self._pool(self._run(ids, mask).last_hidden_state, mask)

    def tokenise(self, texts: Sequence[str], side: str) -> list[list[int]]:
        """Token lists, with the prompt that the checkpoint asks for on that side."""
        prompt = self.checkpoint.prompts.get(side, "")
        tokens: list[list[int]] = []
        for start in range(0, len(texts), TOKENISED_AT_ONCE):
            encoded = self.tokenizer(
                [prompt + text for text in texts[start : start + TOKENISED_AT_ONCE]],
                truncation=True,
                max_length=self.checkpoint.max_length,
                return_attention_mask=False,
            )
            tokens += encoded["input_ids"]
        return tokens

    def count_tokens(self, texts: Sequence[str]) -> list[int]:
        """Tokens of each text, also of those that `encode_documents` would never come to."""
        counts: list[int] = []
        for start in range(0, len(texts), TOKENISED_AT_ONCE):
            some = list(texts[start : start + TOKENISED_AT_ONCE])
            encoded = self.tokenizer(some, return_attention_mask=False, verbose=False)
            counts += map(len, encoded["input_ids"])
        return counts

    @property
    def _unused_positions(self) -> int:
        """RoBERTa and its like count from behind the padding's place."""
        embeddings = getattr(self.model, "embeddings", None)
        padding = getattr(getattr(embeddings, "position_embeddings", None), "padding_idx", None)
        return 0 if padding is None else int(padding) + 1

    @property
    def _body(self) -> Any:
        return self.through or self.model

    def _run(self, ids: torch.Tensor, mask: torch.Tensor, **wanted: bool) -> Any:
        return self._body(input_ids=ids, attention_mask=mask, **wanted)

    def _pad(self, tokens: Sequence[list[int]]) -> tuple[torch.Tensor, torch.Tensor]:
        tokens = [ids[: self.longest] for ids in tokens]
        width = max(len(ids) for ids in tokens)
        ids = torch.full((len(tokens), width), self.tokenizer.pad_token_id or 0)
        mask = torch.zeros((len(tokens), width), dtype=torch.long)
        for row, token_ids in enumerate(tokens):
            ids[row, : len(token_ids)] = torch.tensor(token_ids)
            mask[row, : len(token_ids)] = 1
        return ids, mask

    def _pool(self, states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
        if self.checkpoint.pooling == "cls":
            pooled = states[:, 0]
        elif self.checkpoint.pooling == "max":
            pooled = states.masked_fill(mask[:, :, None] == 0, -torch.inf).amax(dim=1)
        else:
            pooled = _mean(states, mask)
        return torch.nn.functional.normalize(pooled, dim=1)


def fingerprint(checkpoint: Checkpoint) -> str:
    """SHA-256 over everything that shapes a vector: files, use, precision, library majors."""
    majors = {lib.__name__: lib.__version__.split(".")[0] for lib in (torch, transformers)}
    identity = {**checkpoint.identity, "precision": "float32", "libraries": majors}
    return hashlib.sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()


def batches(lengths: Sequence[int], budget: int = TOKENS_PER_BATCH) -> Iterator[list[int]]:
    """Rows sorted by length, cut so that rows x longest stays within the budget.

    >>> list(batches([5, 1, 9, 2], budget=10))
    [[1, 3], [0], [2]]
    """
    batch: list[int] = []
    for row in sorted(range(len(lengths)), key=lambda row: lengths[row]):
        if batch and (len(batch) + 1) * lengths[row] > budget:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _mean(states: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    weights = mask[:, :, None].to(states.dtype)
    return (states * weights).sum(dim=1) / weights.sum(dim=1)


def _load(checkpoint: Checkpoint) -> tuple[Any, Any]:
    """Tokenizer and model; weights that are damaged or incomplete are refused."""
    folder = str(checkpoint.folder)
    local = {"local_files_only": True, "trust_remote_code": False}
    pooler = {"add_pooling_layer": False} if _has_pooler(checkpoint) else {}
    try:
        with _quiet_loading():
            tokenizer = AutoTokenizer.from_pretrained(folder, **local)
            model, report = AutoModel.from_pretrained(
                folder,
                use_safetensors=True,
                dtype=torch.float32,
                output_loading_info=True,
                **pooler,
                **local,
            )
    except Exception as error:  # each of the libraries below raises its own
        raise EncoderError(f"the encoder in {folder} cannot be loaded: {error}") from error
    # transformers would go on with random weights in their place.
    missing = sorted(name for name in report["missing_keys"] if "pooler" not in name)
    if missing:
        raise EncoderError(f"the weights in {folder} lack {missing[0]}")
    return tokenizer, model


@contextmanager
def _quiet_loading() -> Iterator[None]:
    """No bar for a load of a second, no report about the pooler that is left out on purpose."""
    logging = transformers.utils.logging
    before, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    try:
        yield
    finally:
        logging.set_verbosity(before)
        if bar:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]


def _has_pooler(checkpoint: Checkpoint) -> bool:
    """BERT-like models carry a pooler that no embedding uses and that experts must not adapt."""
    config = json.loads((checkpoint.folder / "config.json").read_text("utf-8"))
    return config.get("model_type") in {"bert", "roberta", "xlm-roberta"}
