"""One battery for every detector of new kinds of text, ours and the published ones."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest
from sklearn.metrics import roc_auc_score

from pipeline.detectors.base import Detector, Known, Method
from pipeline.detectors.energy import EnergyRule
from pipeline.detectors.every_layer import EveryLayer, one_by_one
from pipeline.detectors.informative import InformativeLayers
from pipeline.detectors.last_layer import LastLayer
from pipeline.detectors.mmd import KernelTest, p_value
from pipeline.detectors.prototype import PrototypeSimilarity
from pipeline.detectors.sema import Sema
from pipeline.kinds import Layers

METHODS: dict[str, Method] = {
    "layers": InformativeLayers([1, 2]),
    "last layer": LastLayer(),
    "every layer": EveryLayer(),
    "energy": EnergyRule(),
    "sema": Sema(),
    "prototype": PrototypeSimilarity(),
    "mmd": KernelTest(),
}
QUIET = sorted(METHODS.keys() - {"energy"})
"""Those whose rule lets a night of known text pass."""
LAYERS, DIMENSION = 5, 24

each = pytest.mark.parametrize("name", METHODS)
each_quiet = pytest.mark.parametrize("name", QUIET)


def documents(count: int, seed: int, kind: int = 0) -> Layers:
    """Documents of a kind: a direction of its own in every layer, and a spread around it."""
    centre = np.random.default_rng(kind).normal(size=(LAYERS, DIMENSION))
    centre *= 4 / np.linalg.norm(centre, axis=1, keepdims=True)
    noise = np.random.default_rng((seed, kind)).normal(size=(count, LAYERS, DIMENSION))
    return (centre + 0.5 * noise).astype(np.float16)


def alone(count: int) -> npt.NDArray[np.uint64]:
    return np.arange(count, dtype=np.uint64)


def fitted(name: str, *kinds: int, count: int = 400) -> Detector:
    known = [Known(documents(count, 1, kind), alone(count)) for kind in kinds or (0,)]
    return METHODS[name].fit(known, seed=0)


@each
def test_a_document_has_one_number_whatever_comes_with_it(name: str) -> None:
    detector, some = fitted(name), documents(30, 2)
    together = detector.score(some)
    assert together.shape == (30,)
    assert np.isfinite(together).all()
    assert np.allclose(detector.score(some[::-1])[::-1], together, atol=1e-5)
    assert np.allclose(detector.score(some[3:4]), together[3:4], atol=1e-5)


@each
def test_documents_of_another_kind_score_higher(name: str) -> None:
    detector = fitted(name, 0, 1)
    usual = np.concatenate([documents(150, 2, 0), documents(150, 2, 1)])
    scores = detector.score(np.concatenate([usual, documents(300, 2, 7)]))
    assert roc_auc_score(np.repeat([0, 1], 300), scores) > 0.9


@each
@pytest.mark.parametrize("size", [40, 300])
def test_a_night_of_another_kind_is_new(name: str, size: int) -> None:
    assert fitted(name, 0, 1).alarm(documents(size, 2, 7), alone(size)).new


@each_quiet
@pytest.mark.parametrize("kind", [0, 1])
def test_a_night_of_any_known_kind_is_not_new(name: str, kind: int) -> None:
    detector = fitted(name, 0, 1)
    for seed in range(2, 7):
        assert not detector.alarm(documents(150, seed, kind), alone(150)).new


def test_the_energy_rule_divides_a_batch_by_one_more_than_it_has() -> None:
    """As published: of equal documents the mean energy comes to lie above all of theirs."""
    same = np.repeat(documents(1, seed=1), 256, axis=0)
    fitted = EnergyRule().fit([Known(same, np.arange(256, dtype=np.uint64))], seed=0)
    energy = fitted.look(same)[0]
    left = 0.9**20
    expected = energy * (left + (1 - left) * 128 / 129)
    assert np.allclose(fitted.mean, expected[:, None])
    assert (fitted.mean > energy[:, None]).all()


def test_the_energy_rule_as_published_calls_every_night_new_until_sigma_is_raised() -> None:
    night = documents(150, 2), alone(150)
    known = [Known(documents(400, 1), alone(400))]
    assert EnergyRule().fit(known, 0).alarm(*night).new
    assert not EnergyRule(sigma=6).fit(known, 0).alarm(*night).new


@each
def test_the_score_of_a_newer_night_is_higher(name: str) -> None:
    detector = fitted(name, 0, 1)
    usual, new = (detector.alarm(documents(150, 2, kind), alone(150)) for kind in (1, 7))
    assert new.score > usual.score


@each
def test_what_is_learned_later_is_new_no_more(name: str) -> None:
    night = documents(200, 2, 7)
    before, after = fitted(name, 0).score(night), fitted(name, 0, 7).score(night)
    assert np.median(after) < np.median(before)


@each
def test_the_same_seed_says_the_same(name: str) -> None:
    night = documents(60, 2, 3)
    one, other = fitted(name, 0, 1), fitted(name, 0, 1)
    assert np.array_equal(one.score(night), other.score(night))
    assert one.alarm(night, alone(60)) == other.alarm(night, alone(60))


@each
def test_an_empty_night_is_not_new(name: str) -> None:
    detector = fitted(name)
    assert not detector.alarm(documents(0, 2), alone(0)).new
    assert detector.score(documents(0, 2)).shape == (0,)


@each
def test_features_are_only_read(name: str) -> None:
    known = Known(documents(100, 1), alone(100))
    night = documents(20, 2)
    known.features.flags.writeable = night.flags.writeable = False
    METHODS[name].fit([known], seed=0).alarm(night, alone(20))


@each
@pytest.mark.parametrize("count", [1, 3, 60])
def test_kinds_of_few_or_identical_documents_stay_finite(name: str, count: int) -> None:
    known = Known(np.repeat(documents(1, 1), count, axis=0), alone(count))
    detector = METHODS[name].fit([known], seed=0)
    for night in (known.features, documents(5, 2, 7), np.zeros((5, LAYERS, DIMENSION))):
        assert np.isfinite(detector.score(night)).all()
        assert np.isfinite(detector.alarm(night, alone(len(night))).score)


@each
def test_kinds_of_one_title_can_be_learned(name: str) -> None:
    known = Known(documents(80, 1), np.full(80, 5, np.uint64))
    assert np.isfinite(METHODS[name].fit([known], seed=0).score(documents(9, 2))).all()


def test_each_layer_alone_finds_what_only_it_shows() -> None:
    known = [Known(documents(400, 1), alone(400))]
    night = documents(200, 2).copy()
    night[:, 3] += 2
    detector = EveryLayer().fit(known, seed=0)
    seen = detector.look(np.concatenate([documents(200, 3), night]))
    truth = np.repeat([0, 1], 200)
    auroc = [roc_auc_score(truth, column) for column in one_by_one(detector, seen).T]
    assert np.argmax(auroc) == 3
    assert auroc[3] > 0.99
    assert max(auroc[:3] + auroc[4:]) < 0.65


def test_the_kernel_test_is_uniform_where_nothing_differs() -> None:
    random = np.random.default_rng(0)
    p_values = []
    for _ in range(100):
        both = random.normal(size=(90, 6)).astype(np.float32)
        both /= np.linalg.norm(both, axis=1, keepdims=True)
        p_values.append(p_value(both[:40], both[40:], random))
    assert 0.4 < np.mean(p_values) < 0.6
    assert min(p_values) >= 1 / 1000
