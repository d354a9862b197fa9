"""Expectations: what may be written, what is refused before the run, and every verdict."""

from __future__ import annotations

import itertools
import json
import tomllib
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pytest
from pydantic import ValidationError

from bench.errors import Problem
from bench.expectations import Expectation, Judgement, Verdict, check, judge, overall, verdict_on
from bench.scenario.document import read_document
from bench.statistics.intervals import Estimate, estimate
from bench.statistics.metrics import Shape
from models.kernel.outcome import Outcome
from tests.strategies.handmade import operation, outcome, reads

P50 = "dax.read.latency_ms.p50"
SHAPE = Shape(("read", "write"), ("nodes",), ("item_cache",), ("writes.lost",), ("timeout",))


def expectation(**keys: Any) -> Expectation:
    """An entry as a scenario's reader hands it over."""
    return Expectation.model_validate(keys)


def judged(entry: Expectation, outcomes: Mapping[str, Sequence[Outcome]], **options: Any) -> Judgement:
    """The judgement of a single entry."""
    (judgement,) = judge([entry], outcomes, dict.fromkeys(outcomes, SHAPE), **options)
    return judgement


# What may be written.


def test_an_entry_reads_as_toml_has_it() -> None:
    text = """
        [[expect]]
        ratio = ["direct.read.latency_ms.p50", "dax.read.latency_ms.p50"]
        at_least = 2
        text = "twice as fast"
    """

    entry = Expectation.model_validate(tomllib.loads(text)["expect"][0])

    assert entry.kind == "ratio"
    assert entry.metrics == ("direct.read.latency_ms.p50", "dax.read.latency_ms.p50")
    assert (entry.lower, entry.upper) == (2.0, None)


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"at_least": 1.0}, "exactly one of metric, ratio, difference and recovery is needed, got none"),
        ({"metric": P50, "ratio": [P50, P50], "at_least": 1.0}, "got metric and ratio"),
        ({"metric": P50}, "a bound is needed"),
        ({"metric": P50, "at_least": 2.0, "at_most": 1.5}, "no number is at least 2 and at most 1.5"),
        ({"metric": P50, "equals": 2.0, "at_most": 3.0}, "equals stands alone"),
        ({"metric": P50, "at_leats": 2.0}, "at_leats"),
        ({"metric": P50, "at_least": float("nan")}, "finite"),
        ({"metric": P50, "at_least": float("inf")}, "finite"),
        ({"metric": P50, "at_least": "2"}, "number"),
        ({"metric": P50, "at_least": True}, "number"),
        ({"metric": P50, "at_least": 10**400}, "at_least"),
        ({"metric": 5, "at_least": 2.0}, "string"),
        ({"metric": "", "at_least": 2.0}, "at least 1 character"),
        ({"metric": "x" * 301, "at_least": 2.0}, "at most 300 characters"),
        ({"ratio": [P50], "at_least": 2.0}, "ratio"),
        ({"ratio": [P50, P50, P50], "at_least": 2.0}, "ratio"),
        ({"difference": [P50, 5], "at_least": 2.0}, "string"),
        ({"metric": P50, "at_least": 2.0, "text": ""}, "text"),
    ],
)
def test_an_entry_that_says_too_little_or_too_much_is_refused(keys: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        expectation(**keys)


# What is refused before the run.


def problem(path: tuple[str | int, ...], what: str, remedy: str) -> Problem:
    """A problem without a place."""
    return Problem("a.toml", key=".".join(map(str, path)), what=what, remedy=remedy)


@pytest.mark.parametrize(
    ("metric", "remedy"),
    [
        ("dux.read.latency_ms.p50", "did you mean dax?"),
        ("dux.read.latency_ms.p50", "systems: direct, dax"),
        ("dax.raed.latency_ms.p50", "did you mean read?"),
        ("dax.raed.latency_ms.p50", "parts of dax: read, write, item_cache, nodes, counters"),
        ("dax.ops.raed.latency_ms.p50", "did you mean read?"),
        ("dax.read.latency_ms.p98", "did you mean latency_ms.p9"),
        ("dax.read.latency.p99", "did you mean latency_ms.p99?"),
        ("dax.item_cache.hitratio", "did you mean hit_ratio?"),
        ("dax.item_cache.hitratio", "figures of dax.item_cache: lookups, hits, misses, hit_ratio"),
        ("dax.stations.nodes.utilisation", "did you mean utilization?"),
        ("dax.counters.writes.lots", "did you mean writes.lost?"),
        ("dax.read.errors.timeot", "did you mean errors.timeout?"),
        ("dax.read", "figures of dax.read: latency_ms.mean, "),
        ("dax", "parts of dax: "),
        ("dax.cost.wall_s", "only cost.events"),
    ],
)
def test_an_unknown_metric_is_a_problem_with_a_near_miss(metric: str, remedy: str) -> None:
    entries = [expectation(metric=P50, at_most=1.0), expectation(metric=metric, at_most=1.0)]

    (found,) = check(entries, {"direct": SHAPE, "dax": SHAPE}, problem)

    assert found.key == "expect.1.metric"
    assert found.what == f"there is no metric {metric}"
    assert remedy in found.remedy


def test_money_is_expected_only_of_systems_that_are_charged() -> None:
    """Names of buckets and charges have spaces, and need no quotes of their own."""
    paid = Shape(("read",), buckets=("read capacity",), charges=("read requests",))
    good = (
        "money.dollars_per_hour",
        "money.charges.read requests.dollars_per_hour",
        "buckets.read capacity.taken_per_s",
    )
    shapes = {"dax": paid, "queue": SHAPE}

    assert check([expectation(metric=f"dax.{name}", at_most=1.0) for name in good], shapes, problem) == []
    (found,) = check([expectation(metric="queue.money.dollars_per_hour", at_most=1.0)], shapes, problem)
    assert found.what.endswith("the model of queue has no prices")
    assert found.remedy == "systems that have: dax"
    (found,) = check([expectation(metric="dax.money.dollars_an_hour", at_most=1.0)], shapes, problem)
    assert "did you mean dollars_per_hour?" in found.remedy
    (found,) = check([expectation(metric="dax.read capacity.takn_per_s", at_most=1.0)], shapes, problem)
    assert "did you mean taken_per_s?" in found.remedy


def test_every_unknown_metric_is_reported_at_its_place() -> None:
    """The scenario's document knows the places; the second name of a pair has one of its own."""
    text = b'[[expect]]\nratio = ["dax.read.latency_ms.p50",\n  "dax.reed.latency_ms.p50"]\nat_least = 2.0\n'
    document = read_document(text, "a.toml")
    entries = [Expectation.model_validate(entry) for entry in tomllib.loads(text.decode())["expect"]]

    (found,) = check(entries, {"dax": SHAPE}, document.problem)

    assert str(found).startswith("a.toml:3:3: error: expect[0].ratio[1]: there is no metric dax.reed.latency_ms.p50; ")


def test_a_difference_of_unlike_figures_is_a_problem() -> None:
    unlike = expectation(difference=[P50, "dax.item_cache.hit_ratio"], at_least=1.0)
    alike = expectation(difference=[P50, "dax.write.latency_ms.max"], at_least=1.0)
    quotient = expectation(ratio=[P50, "dax.item_cache.hit_ratio"], at_least=1.0)

    found = check([unlike, alike, quotient], {"dax": SHAPE}, problem)

    assert [each.key for each in found] == ["expect.0.difference"]


# Verdicts.


def by_points(low: int, high: int, lower: int | None, upper: int | None) -> Verdict:
    """The rule taken literally: look at every whole number of the interval."""
    holds = [(lower is None or lower <= point) and (upper is None or point <= upper) for point in range(low, high + 1)]
    return "pass" if all(holds) else "unknown" if any(holds) else "fail"


def by_mean(low: int, high: int, lower: int | None, upper: int | None) -> Verdict:
    """What a rule that forgets the interval would say."""
    mean = (low + high) / 2
    return "pass" if (lower is None or lower <= mean) and (upper is None or mean <= upper) else "fail"


def disagreements(rule: Callable[[int, int, int | None, int | None], Verdict]) -> int:
    """In how many cases a rule differs from ours, over all intervals and bounds on a small grid."""
    found = 0
    grid = range(5)
    for low, high in itertools.combinations_with_replacement(grid, 2):
        value = Estimate((low + high) / 2, low, high, (), exact=low == high)
        for lower, upper in itertools.product([None, *grid], repeat=2):
            if lower is None or upper is None or lower <= upper:
                found += verdict_on(value, lower, upper) != rule(low, high, lower, upper)
    return found


def test_verdict_is_the_rule_in_every_case() -> None:
    """Ends and bounds are whole numbers, so an interval that meets a band, or leaves it, does so at a whole number."""
    assert disagreements(by_points) == 0
    assert disagreements(by_mean) > 0


@pytest.mark.parametrize("value", [estimate([None, 1.0]), estimate([5.0])], ids=["no value", "no interval"])
def test_without_value_or_interval_nothing_is_known(value: Estimate) -> None:
    assert verdict_on(value, 1.0, None) == "unknown"
    assert verdict_on(value, None, 1.0) == "unknown"


@pytest.mark.parametrize(
    ("verdicts", "expected"),
    [
        (verdicts, "fail" if "fail" in verdicts else "unknown" if "unknown" in verdicts else "pass")
        for count in range(4)
        for verdicts in itertools.product(["pass", "fail", "unknown"], repeat=count)
    ],
)
def test_fail_beats_unknown_beats_pass(verdicts: tuple[Verdict, ...], expected: str) -> None:
    judgements = [Judgement("", estimate([1.0]), 1.0, verdict, "") for verdict in verdicts]

    assert overall(judgements) == expected


# Judging outcomes.


def test_a_ratio_is_judged_replication_by_replication() -> None:
    """4/1, 8/2 and 6/1.5 ms are 4 each: exact, though the two systems vary."""
    outcomes = {"direct": reads("direct", 4.0, 8.0, 6.0), "dax": reads("dax", 1.0, 2.0, 1.5)}
    entry = expectation(ratio=["direct.read.latency_ms.p50", P50], at_least=2)

    judgement = judged(entry, outcomes)

    assert judgement.as_json() == {
        "text": "direct.read p50 / dax.read p50 ≥ 2",
        "value": pytest.approx(4.0),
        "ci95": [pytest.approx(4.0), pytest.approx(4.0)],
        "bound": 2.0,
        "verdict": "pass",
    }


@pytest.mark.parametrize(("at_most", "verdict"), [(10.0, "pass"), (5.0, "unknown"), (4.0, "unknown"), (1.0, "fail")])
def test_an_interval_is_judged_as_a_whole(at_most: float, verdict: str) -> None:
    """3, 4, 5 ms: mean 4, half-width 4.303 / sqrt(3) = 2.48."""
    judgement = judged(expectation(metric=P50, at_most=at_most), {"dax": reads("dax", 3.0, 4.0, 5.0)})

    assert judgement.verdict == verdict
    assert judgement.estimate.interval == pytest.approx((4.0 - 2.484, 4.0 + 2.484), abs=1e-3)
    assert bool(judgement.reason) == (verdict == "unknown")


def test_one_replication_is_unknown_unless_nothing_was_left_to_chance() -> None:
    entry = expectation(metric=P50, at_most=9.0)
    outcomes = {"dax": reads("dax", 5.0)}

    by_chance = judged(entry, outcomes)
    certain = judged(entry, outcomes, certain={"dax"})

    assert (by_chance.verdict, by_chance.as_json()["value"], by_chance.as_json()["ci95"]) == ("unknown", 5.0, None)
    assert "run two or more" in by_chance.reason
    assert (certain.verdict, certain.reason) == ("pass", "exact: no variance at all")


def test_a_comparison_is_certain_only_if_both_systems_are() -> None:
    outcomes = {"direct": reads("direct", 4.0), "dax": reads("dax", 1.0)}
    entry = expectation(difference=["direct.read.latency_ms.p50", P50], equals=3.0)

    assert judged(entry, outcomes, certain={"dax"}).verdict == "unknown"
    assert judged(entry, outcomes, certain={"dax", "direct"}).verdict == "pass"


def test_equal_replications_are_a_fact() -> None:
    outcomes = {"dax": [outcome(replication=index, counters={"writes.lost": 0}) for index in range(2)]}

    judgement = judged(expectation(metric="dax.counters.writes.lost", equals=0), outcomes)

    assert (judgement.verdict, judgement.reason) == ("pass", "exact: no variance at all")


def test_no_data_is_unknown() -> None:
    """p99 of 40 requests; a counter that the model did not give; a station that is not there."""
    outcomes = {"dax": reads("dax", 1.0, 1.0)}
    for metric in ("dax.read.latency_ms.p99", "dax.counters.writes.lost", "dax.nodes.utilization"):
        judgement = judged(expectation(metric=metric, at_least=0.0), outcomes)

        assert judgement.verdict == "unknown"
        assert judgement.as_json()["value"] is None
        assert judgement.reason.startswith("no data")


def test_a_kind_of_failure_that_did_not_occur_is_zero() -> None:
    judgement = judged(expectation(metric="dax.read.errors.timeout", equals=0), {"dax": reads("dax", 1.0, 1.0)})

    assert judgement.verdict == "pass"


def test_counts_are_judged_per_replication() -> None:
    """40 reads in each of three replications; the document says 120."""
    judgement = judged(expectation(metric="dax.read.requests", equals=40), {"dax": reads("dax", 1.0, 1.0, 2.0)})

    assert judgement.verdict == "pass"
    assert judgement.text == "dax.read requests = 40 per replication"


def test_the_clocks_rounding_breaks_no_bound() -> None:
    """A millisecond that began at 100 s ends 4 * 10^-15 s off; one that is a microsecond longer is longer."""
    rounded = (100.001 - 100.0) * 1000.0
    times_ms = {"dax": rounded, "direct": 1.0, "slow": 1.001}
    outcomes = {system: reads(system, time_ms, time_ms) for system, time_ms in times_ms.items()}
    between = ("direct.read.latency_ms.p50", "slow.read.latency_ms.p50")

    assert rounded > 1.0
    assert judged(expectation(metric=P50, equals=1.0), outcomes).verdict == "pass"
    assert judged(expectation(metric=P50, at_most=1.0), outcomes).verdict == "pass"
    assert judged(expectation(difference=[P50, between[0]], equals=0.0), outcomes).verdict == "pass"
    assert judged(expectation(difference=between, equals=0.0), outcomes).verdict == "fail"
    assert judged(expectation(metric=between[1], equals=1.0), outcomes).verdict == "fail"


def test_the_rounding_of_decimals_breaks_no_bound() -> None:
    """0.1 + 0.2 is not 0.3 in floats; what is a millionth off is."""
    rounded, off = estimate([0.1 + 0.2] * 2), estimate([0.3 + 3e-7] * 2)

    assert rounded.mean != 0.3
    assert verdict_on(rounded, 0.3, 0.3) == "pass"
    assert verdict_on(off, 0.3, 0.3) == "fail"


@pytest.mark.parametrize(
    ("values", "bound", "verdict"),
    [
        ((3.0, 3.0), 2.0, "pass"),
        ((7.0, 7.0), 8.0, "pass"),
        ((1.0, 1.0), 2.0, "fail"),
        ((9.0, 9.0), 8.0, "fail"),
        ((7.0, 8.5), 8.0, "unknown"),
        ((2.0, 2.5), 2.0, "unknown"),
    ],
)
def test_of_two_bounds_the_one_in_question_is_reported(values: tuple[float, ...], bound: float, verdict: str) -> None:
    judgement = judged(expectation(metric=P50, at_least=2.0, at_most=8.0), {"dax": reads("dax", *values)})

    assert (judgement.bound, judgement.verdict) == (bound, verdict)


@pytest.mark.parametrize(
    ("keys", "text"),
    [
        ({"metric": P50, "at_most": 5}, "dax.read p50 ≤ 5 ms"),
        ({"metric": P50, "at_least": 2, "at_most": 2.5}, "2 ≤ dax.read p50 ≤ 2.5 ms"),
        ({"metric": "dax.ops.read.latency_ms.mean", "at_least": 1e-7}, "dax.read mean latency ≥ 1e-07 ms"),
        ({"difference": [P50, P50], "equals": 0}, "dax.read p50 − dax.read p50 = 0 ms"),
        ({"metric": "dax.item_cache.hit_ratio", "at_least": 0.9}, "dax.item_cache hit ratio ≥ 0.9"),
        ({"metric": "dax.read.throughput_per_s", "at_least": 1234567}, "dax.read throughput ≥ 1234567 /s"),
        ({"metric": "dax.counters.writes.lost", "at_most": 0}, "dax.writes.lost ≤ 0 per replication"),
        ({"metric": "dax.nodes.mean_queue", "at_most": 1}, "dax.nodes mean queue ≤ 1"),
        ({"metric": P50, "at_most": 5, "text": "fast"}, "fast"),
    ],
)
def test_text_says_what_is_expected(keys: dict[str, Any], text: str) -> None:
    assert judged(expectation(**keys), {"dax": reads("dax", 1.0, 1.0)}).text == text


def test_judgements_are_strict_json() -> None:
    outcomes = {"dax": [outcome(operations={"read": operation()})]}
    entries = [expectation(metric=P50, at_most=1), expectation(ratio=["dax.read.ok", "dax.read.ok"], at_most=1)]

    found = [each.as_json() for each in judge(entries, outcomes, {"dax": SHAPE})]

    assert json.loads(json.dumps(found, allow_nan=False)) == found
    assert all(list(each) == ["text", "value", "ci95", "bound", "verdict"] for each in found)
