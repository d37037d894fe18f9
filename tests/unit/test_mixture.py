"""SB-MoE's block: what it says, what learns, and what growing leaves as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import torch

from pipeline import mixture
from pipeline.mixture import GROWING, Mixture, teach

DIMENSION = 16
Vectors = npt.NDArray[np.float32]


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mixture, "LEARNING_RATE", 3e-3)


@pytest.fixture
def block() -> Mixture:
    return Mixture.new(DIMENSION, seed=1, experts=3)


def vectors(count: int, seed: int) -> Vectors:
    drawn = np.random.default_rng(seed).normal(size=(count, DIMENSION)).astype(np.float32)
    unit: Vectors = drawn / np.linalg.norm(drawn, axis=1, keepdims=True)
    return unit


def answering(queries: Vectors) -> Vectors:
    """Passages that share half of their numbers with their queries; the rest says nothing."""
    half = DIMENSION // 2
    noise = vectors(len(queries), seed=len(queries) + 100)
    mixed = np.hstack([queries[:, :half], noise[:, half:]])
    unit: Vectors = mixed / np.linalg.norm(mixed, axis=1, keepdims=True)
    return unit


def hits(block: Mixture | None, queries: Vectors, passages: Vectors) -> float:
    """How often the passage of a query is the nearest one."""
    if block is not None:
        queries, passages = block.rewrite(queries), block.rewrite(passages)
    return float(((queries @ passages.T).argmax(axis=1) == np.arange(len(queries))).mean())


def test_it_says_what_the_formula_says(block: Mixture) -> None:
    asked, w = vectors(5, 0), {name: weight.numpy() for name, weight in block.weights.items()}
    for row, x in enumerate(asked):
        gate = w["c3"] @ np.maximum(w["c1"] @ x, 0)
        says = np.exp(gate) / np.exp(gate).sum()
        said = [w["w2"][i] @ np.maximum(w["w1"][i] @ x, 0) for i in range(3)]
        said = [one / np.linalg.norm(one) for one in said]
        best = int(says.argmax())
        top, everybody = x + says[best] * said[best], x + np.tensordot(says, np.stack(said), 1)
        assert np.allclose(block.rewrite(asked)[row], top / np.linalg.norm(top), atol=1e-5)
        rewritten = block.asking(None).rewrite(asked)[row]
        assert np.allclose(rewritten, everybody / np.linalg.norm(everybody), atol=1e-5)
    assert np.allclose(block.asking(3).rewrite(asked), block.asking(None).rewrite(asked), atol=1e-6)
    assert not np.allclose(block.asking(2).rewrite(asked), block.rewrite(asked), atol=1e-3)


def test_it_learns_what_answers_what(block: Mixture) -> None:
    asked, unseen = vectors(300, 1), vectors(60, 2)
    taught = teach(block, asked, answering(asked), newcomers=3, seed=0)
    assert hits(taught, unseen, answering(unseen)) > hits(None, unseen, answering(unseen)) + 0.05


def test_gate_and_noise_learn_too(block: Mixture) -> None:
    asked = vectors(200, 1)
    taught = teach(block, asked, answering(asked), newcomers=3, seed=0)
    for name, weight in block.weights.items():
        assert not torch.equal(taught.weights[name], weight), name


def test_growing_closes_all_that_was_there(block: Mixture) -> None:
    asked = vectors(200, 3)
    grown = block.grown(seed=5)
    assert grown.experts == 4
    taught = teach(grown, asked, answering(asked), newcomers=1, seed=0)
    for name, weight in block.weights.items():
        old = taught.weights[name][: len(weight)] if name in GROWING else taught.weights[name]
        assert torch.equal(old, weight), name
    assert any(
        not torch.equal(taught.weights[name][3:], grown.weights[name][3:]) for name in GROWING
    )


def test_the_best_epoch_is_kept(block: Mixture, monkeypatch: pytest.MonkeyPatch) -> None:
    """Queries that nothing answers: every epoch makes it worse on those held out."""
    monkeypatch.setattr(mixture, "EPOCHS", 0)
    asked, any_ = vectors(200, 4), vectors(200, 5)
    untaught = teach(block, asked, any_, newcomers=3, seed=0)
    assert all(torch.equal(untaught.weights[n], block.weights[n]) for n in block.weights)
    losses = iter([3.0, 1.0, 2.0])
    monkeypatch.setattr(mixture, "EPOCHS", 3)
    monkeypatch.setattr(mixture, "_loss", lambda *_: next(losses))
    third = teach(block, asked, any_, newcomers=3, seed=0)
    monkeypatch.setattr(mixture, "EPOCHS", 2)
    losses = iter([3.0, 1.0])
    second = teach(block, asked, any_, newcomers=3, seed=0)
    assert all(torch.equal(second.weights[n], third.weights[n]) for n in block.weights)


def test_a_seed_says_it_all_and_a_folder_keeps_it(block: Mixture, tmp_path: Path) -> None:
    asked = vectors(100, 6)
    once, twice = (teach(block, asked, answering(asked), 3, seed=7) for _ in range(2))
    assert np.array_equal(once.rewrite(asked), twice.rewrite(asked))
    once.save(tmp_path)
    assert np.array_equal(Mixture.load(tmp_path).rewrite(asked), once.rewrite(asked))


def test_few_pairs_and_none_at_all(block: Mixture) -> None:
    assert block.rewrite(vectors(0, 0)).shape == (0, DIMENSION)
    asked = vectors(3, 0)
    assert teach(block, asked, answering(asked), newcomers=3, seed=0).experts == 3
