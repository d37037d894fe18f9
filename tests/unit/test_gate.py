"""The gate lets in what surely helps its own kind and surely hurts no other."""

from __future__ import annotations

import json
from collections.abc import Mapping

import numpy as np
import pytest

from pipeline import measures
from pipeline.gains import Gains
from pipeline.gate import (
    FEWEST_DOCUMENTS,
    FEWEST_QUERIES,
    SYNTHETIC_MARGIN,
    Verdict,
    judge,
)


def differences(mean: float, spread: float = 0.0, count: int = 100) -> Gains:
    """Values of exactly this mean: one half of them above it, one half below."""
    return Gains.alone(mean + spread * np.where(np.arange(count) % 2, 1.0, -1.0))


def about(documents: int, gain: float = 0.5) -> Gains:
    """A hundred queries about so few documents."""
    return Gains(np.full(100, gain), np.arange(100) % documents)


@pytest.mark.parametrize(
    ("own", "others", "synthetic", "objection"),
    [
        (differences(0.05, 0.1), {}, False, None),
        (differences(0.001), {}, False, None),
        (differences(0.05, 0.1), {"sea": differences(0.0, 0.3)}, False, None),
        (differences(0.0), {}, False, "not certain"),
        (differences(-0.1), {}, False, "not certain"),
        (differences(0.05, 0.5), {}, False, "not certain"),
        (Gains.none(), {}, False, "0 held-out queries are too few"),
        (differences(0.5, count=FEWEST_QUERIES - 1), {}, False, "19 held-out queries are too few"),
        (differences(0.5, count=FEWEST_QUERIES), {}, False, None),
        (about(FEWEST_DOCUMENTS - 1), {}, False, "about 9 documents are too few"),
        (about(FEWEST_DOCUMENTS), {}, False, None),
        (differences(SYNTHETIC_MARGIN), {}, True, "more than 1.0 needed"),
        (differences(SYNTHETIC_MARGIN + 0.001), {}, True, None),
        (differences(SYNTHETIC_MARGIN), {}, False, None),
        (differences(0.2), {"sea": differences(-0.02, 0.01)}, False, "sea would lose 2.0 points"),
        (differences(0.2), {"sea": differences(-0.004, 0.001)}, False, None),
        (differences(0.2), {"sea": differences(-0.02, 0.5)}, False, None),
        (
            differences(0.2),
            {"sea": differences(0.3), "law": differences(-0.3, 0.1)},
            False,
            "law would lose 30.0 points",
        ),
        (differences(0.2), {"sea": Gains.none()}, False, None),
    ],
    ids=[
        "a sure gain",
        "a small sure gain",
        "another kind is unsure",
        "no gain",
        "a loss",
        "an unsure gain",
        "no queries",
        "too few queries",
        "just enough queries",
        "too few documents",
        "just enough documents",
        "made queries, a small gain",
        "made queries, a larger gain",
        "real queries, a small gain",
        "another kind surely loses",
        "another kind loses too little to count",
        "another kind may lose",
        "one of two other kinds loses",
        "a kind that nobody asked about",
    ],
)
def test_what_is_accepted_and_why_not(
    own: Gains, others: Mapping[str, Gains], synthetic: bool, objection: str | None
) -> None:
    verdict = judge(own, others, synthetic)
    assert verdict.accepted is (objection is None)
    assert (objection or "gains") in verdict.reason


def test_a_verdict_tells_what_was_measured() -> None:
    own, other = differences(0.05, 0.1), differences(-0.01, 0.2)
    verdict = judge(own, {"sea": other}, synthetic=True)
    assert (verdict.queries, verdict.synthetic) == (100, True)
    assert verdict.gain == pytest.approx(0.05)
    assert verdict.interval[0] < 0.05 < verdict.interval[1]
    mean, low, high = verdict.losses["sea"]
    assert mean == pytest.approx(-0.01)
    assert low < -0.01 < high
    page = json.loads(json.dumps(verdict.as_json()))
    assert page["gain"] == verdict.gain
    assert page["losses"] == {"sea": [mean, low, high]}


def test_an_accepted_candidate_says_its_gain() -> None:
    assert judge(differences(0.051), {}, False).reason == "gains 5.1 points on 100 held-out queries"


def test_a_candidate_that_does_nothing_is_rarely_accepted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(measures, "RESAMPLES", 400)
    random = np.random.default_rng(0)

    def verdict() -> Verdict:
        return judge(Gains.alone(random.normal(0, 0.3, 80)), {}, synthetic=False)

    assert sum(verdict().accepted for _ in range(120)) <= 14
