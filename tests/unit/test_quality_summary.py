"""AP, BWT, FWT and gains of made-up results, worked out by hand in the comments."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from made_up import made_up, made_up_folder

from bench.quality import counted, summary
from bench.quality.resampling import Draws, estimate
from bench.quality.results import Aim, Results, read, with_aims
from bench.quality.summary import Evidence
from nightshift.errors import NightshiftError


@pytest.fixture(scope="module")
def evidence() -> Evidence:
    return Evidence(made_up())


def scores(values: dict[tuple[str, str, str], list[float]]) -> Results:
    """Scores of (system, night, domain), query by query; `test` only."""
    rows = [
        {
            "system": system,
            "seed": 0,
            "night": night,
            "domain": domain,
            "split": "test",
            "query": f"q{place:04}",
            "ndcg": value,
            "recall": value,
        }
        for (system, night, domain), each in values.items()
        for place, value in enumerate(each)
    ]
    nights = list(dict.fromkeys(night for _, night, _ in values))
    domains = list(dict.fromkeys(domain for _, _, domain in values))
    return Results({"nights": nights, "domains": domains}, pa.Table.from_pylist(rows))


def value(found: summary.Estimate | None) -> float:
    assert found is not None
    return found.value


@pytest.mark.parametrize(
    ("system", "average", "backward", "raw", "forward"),
    [
        # AP: (.46 + .28) / 2; raw BWT: (-.04 - .02) / 2; FWT: (.50 + .30) / 2
        ("frozen", 0.37, 0.0, -0.03, 0.40),
        # Gains: old 0 -> 0, new +.10 -> +.08
        ("ours-dense", 0.41, -0.01, -0.04, 0.45),
        # Gains: old +.05 -> +.07, new +.20 -> +.20
        ("ours", 0.505, 0.01, -0.02, 0.525),
        # Gains: old 0 -> -.10, new +.12 -> +.12
        ("one-lora", 0.38, -0.05, -0.08, 0.46),
    ],
)
def test_the_words_for_quality(
    evidence: Evidence, system: str, average: float, backward: float, raw: float, forward: float
) -> None:
    for split in ("test", "test_seen"):
        assert value(summary.average(evidence, system, split)) == pytest.approx(average)
        assert value(summary.backward(evidence, system, split)) == pytest.approx(backward)
        assert value(summary.raw_backward(evidence, system, split)) == pytest.approx(raw)
        assert value(summary.forward(evidence, system, split)) == pytest.approx(forward)


def test_a_system_measured_after_the_last_night_only_has_ap_and_no_bwt(evidence: Evidence) -> None:
    assert value(summary.average(evidence, "joint-full-ft")) == pytest.approx(0.45)
    assert summary.backward(evidence, "joint-full-ft") is None
    assert summary.forward(evidence, "joint-full-ft") is None


def test_a_system_that_lacks_a_domain_has_no_average() -> None:
    results = scores(
        {("a", "n", "x"): [0.5] * 3, ("a", "n", "y"): [0.5] * 3, ("b", "n", "x"): [1] * 3}
    )
    evidence = Evidence(results)
    assert summary.average(evidence, "b") is None
    assert value(summary.average(evidence, "b", among=["x"])) == 1.0
    assert list(summary.gains(evidence, "b", "a")) == ["x"]


def test_the_first_night_is_the_one_with_enough_queries() -> None:
    few, enough = [0.5] * 99, [0.5] * 100
    results = scores({("frozen", "n1", "x"): few, ("frozen", "n2", "x"): enough})
    assert summary.first_nights(Evidence(results)) == {"x": "n2"}
    results = scores({("frozen", "n1", "x"): few, ("frozen", "n2", "x"): few})
    assert summary.first_nights(Evidence(results)) == {}
    assert summary.backward(Evidence(results), "frozen") is None


def test_domains_weigh_the_same_whatever_their_size() -> None:
    results = scores({("a", "n", "small"): [1.0] * 2, ("a", "n", "large"): [0.0] * 200})
    assert value(summary.average(Evidence(results), "a")) == 0.5


def test_the_interval_is_the_one_of_a_mean_of_queries() -> None:
    random = np.random.default_rng(0)
    each = random.normal(0.3, 0.2, 400)
    found = summary.average(Evidence(scores({("a", "n", "x"): list(each)})), "a")
    assert found is not None
    spread = 1.96 * each.std() / 20
    assert found.low == pytest.approx(each.mean() - spread, abs=0.003)
    assert found.high == pytest.approx(each.mean() + spread, abs=0.003)


def test_differences_are_paired_by_query() -> None:
    random = np.random.default_rng(0)
    hard = random.uniform(0, 0.8, 50)
    results = scores({("a", "n", "x"): list(hard + 0.02), ("b", "n", "x"): list(hard)})
    found = summary.gain(Evidence(results), "a", "b")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.02, 0.02))
    assert found.above
    assert found.p < 0.001


def test_domains_are_drawn_apart() -> None:
    # The same draws for both domains would make this mean zero in every resample.
    each = list(np.random.default_rng(0).normal(0, 0.2, 100))
    results = scores({("a", "n", "x"): each, ("a", "n", "y"): [-one for one in each]})
    found = summary.average(Evidence(results), "a")
    assert found is not None
    assert found.high - found.low > 0.03


def test_no_difference_is_no_finding() -> None:
    random = np.random.default_rng(0)
    results = scores(
        {("a", "n", "x"): list(random.random(200)), ("b", "n", "x"): list(random.random(200))}
    )
    found = summary.gain(Evidence(results), "a", "b")
    assert found is not None
    assert found.low < 0 < found.high
    assert found.p > 0.05
    assert estimate(np.zeros(11)).p == 1.0


def test_seeds_are_averaged_before_queries_are_drawn(evidence: Evidence) -> None:
    found = summary.average(evidence, "ours")
    assert found is not None
    assert (found.low, found.high) == pytest.approx((0.505, 0.505))


def test_the_same_results_give_the_same_intervals_whatever_their_order() -> None:
    table = made_up().scores
    turned = table.take(pc.array_sort_indices(pa.array(range(len(table))), order="descending"))
    cells = [Draws(one).cell("ours", "n02", "new", "test") for one in (table, turned)]
    assert cells[0] is not None
    assert cells[1] is not None
    np.testing.assert_allclose(cells[0], cells[1], rtol=0, atol=1e-12)


def test_systems_that_answered_other_queries_are_not_compared() -> None:
    results = scores({("a", "n", "x"): [0.5] * 3, ("b", "n", "x"): [0.5] * 2})
    with pytest.raises(NightshiftError, match="after n b did not answer"):
        summary.average(Evidence(results), "a")


def test_what_is_counted() -> None:
    results = made_up()
    assert counted.with_expert(results) == ["new"]
    assert counted.decisions_right(results) == ([2, 1], 2)
    assert counted.decisions_right(results, "frozen") == ([], 0)
    assert counted.parameter_share(results.systems["ours"]) == 0.015
    assert counted.parameter_share({"expert_parameters": [1, 3], "encoder_parameters": 6}) == 0.5
    assert counted.cost(results.systems["joint-full-ft"]) == 211.0
    assert counted.cost({}) is None


def test_an_expert_that_answers_in_half_of_the_seeds_does_not_make_a_domain_its_own() -> None:
    results = made_up()
    results.page["systems"]["ours"]["served"]["new"] = ["e1", "frozen"]
    assert counted.with_expert(results) == []


def test_results_are_read_as_they_were_written(tmp_path: Path) -> None:
    kept = made_up_folder(tmp_path / "run")
    assert kept.page == made_up().page
    assert kept.scores.num_rows == made_up().scores.num_rows
    with pytest.raises(NightshiftError, match="no readable results"):
        read(tmp_path)


def test_queries_about_one_document_are_drawn_together() -> None:
    """Of 60 queries, six about each of ten documents, which all score alike, ten are witnesses."""
    values = np.repeat(np.random.default_rng(0).normal(0.1, 0.3, 10), 6)
    results = scores({("a", "n1", "x"): values.tolist(), ("b", "n1", "x"): [0.0] * 60})
    aims = {f"q{place:04}": Aim(f"document {place // 6}", False) for place in range(60)}
    together = Results(results.page, with_aims(results.scores, aims))
    singly, jointly = (summary.gain(Evidence(one), "a", "b") for one in (results, together))
    assert singly is not None
    assert jointly is not None
    assert singly.value == jointly.value == pytest.approx(values.mean())
    width = jointly.high - jointly.low
    assert 2.0 < width / (singly.high - singly.low) < 3.0, "about the root of six"


def test_nobody_forgets_what_was_not_asked_before() -> None:
    """A hundred more questions come later: on those of the first night nothing has changed."""
    old, more = [0.5] * 100, [0.0] * 100
    results = scores(
        {
            ("frozen", "n1", "x"): old,
            ("a", "n1", "x"): [0.6] * 100,
            ("frozen", "n2", "x"): old + more,
            ("a", "n2", "x"): [0.6] * 100 + [0.4] * 100,
        }
    )
    assert value(summary.backward(Evidence(results), "a")) == pytest.approx(0.0)
    assert value(summary.raw_backward(Evidence(results), "a")) == pytest.approx(0.0)
    assert value(summary.gain(Evidence(results), "a", "frozen")) == pytest.approx(0.25)


def test_seen_is_only_what_a_training_query_names() -> None:
    """On top of a hundred queries, as many that the data call seen, about what nobody asked."""
    results, lines = made_up(), made_up().scores.to_pylist()
    more = [
        line | {"query": f"more{line['query']}", "ndcg": 0.0}
        for line in lines
        if line["split"] == "test_seen"
    ]
    table = pa.Table.from_pylist(lines + more, results.scores.schema)
    aims = {query: Aim(query, not query.startswith("more")) for query in table["query"].to_pylist()}
    found = Evidence(Results(results.page, with_aims(table, aims)))
    assert value(summary.average(found, "frozen", "test_seen")) == pytest.approx(0.37)
    assert found.draws.queries("n02", "old", "test_seen") == 100
    assert summary.disagreements(found), "results.json is of all that the data call seen"
    one_less = aims | {"q0": Aim("q0", False)}
    few = Evidence(Results(results.page, with_aims(results.scores, one_less)))
    assert summary.average(few, "frozen", "test_seen") is None, "99 are too few to tell"
    assert not summary.disagreements(few)
