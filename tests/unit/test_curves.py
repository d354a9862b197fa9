"""Curves over time and over percentiles, worked by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from bench.statistics.curves import CURVE_FRACTIONS, percentile_curve, time_series
from bench.statistics.figures import EXCEEDANCES_MIN
from bench.statistics.intervals import estimate
from models.kernel.outcome import BucketOutcome
from models.kernel.parts import UNLIMITED
from tests.strategies.handmade import cache, operation, outcome, station
from tests.strategies.outcomes import degenerate, direct_and_dax

NOTHING = math.nan
EDGES = degenerate()


def test_series_as_worked_by_hand() -> None:
    """Windows of 10 s: 40 and 20 answers in the second are 4 and 2 per s; 10 of 2 x 10 server-seconds there are .5."""
    outcomes = [
        outcome(
            replication=index,
            operations={"read": operation([0.002] * count, {"timeout": 10})},
            stations={
                "nodes": station([2, 2], [20.0, 0.0], [40.0, 0.0]),
                "backing": station([UNLIMITED], [5.0], [0.0]),
            },
            caches={"item_cache": cache([60, 20], [50, 10])},
        )
        for index, count in enumerate([40, 20])
    ]

    series = time_series(outcomes)

    np.testing.assert_array_equal(series.middles_s, [5.0, 15.0, 25.0])
    reads = series.operations["read"]
    np.testing.assert_array_equal(reads.throughput_per_s.mean, [0.0, 3.0, 0.0])
    np.testing.assert_array_equal(reads.throughput_per_s.low, [0.0, estimate([4.0, 2.0]).low, 0.0])
    np.testing.assert_array_equal(reads.errors_per_s.mean, [0.0, 1.0, 0.0])
    np.testing.assert_allclose(reads.p50_ms, [NOTHING, 2.0, NOTHING], rtol=1 / 64)
    np.testing.assert_array_equal(reads.p99_ms, [NOTHING] * 3)
    np.testing.assert_array_equal(series.hit_ratio["item_cache"], [NOTHING, 0.75, NOTHING])
    np.testing.assert_array_equal(series.stations["nodes"].utilization, [0.0, 0.25, 0.25])
    np.testing.assert_array_equal(series.stations["nodes"].mean_queue, [0.0, 1.0, 1.0])
    np.testing.assert_array_equal(series.stations["backing"].utilization, [NOTHING] * 3)


def test_load_and_stale_answers_by_window_as_worked_by_hand() -> None:
    """Windows of 10 s. Of a station, 20 busy and 60 queueing request-seconds in two windows are 4 requests in each; of
    a bucket, 300 tokens and 50 in vain in the second are 30 and 5 a second; 4 of 40 and 0 of 40 answers are 5 %.
    """
    bucket = BucketOutcome(300.0, 50.0, np.array([0.0, 300.0, 0.0]), np.array([0.0, 50.0, 0.0]))
    outcomes = [
        replace(
            outcome(
                replication=index,
                operations={"read": operation([0.002] * 40, ages_s=ages_s), "write": operation([0.002] * 40)},
                stations={"nodes": station([2, 2], [20.0, 0.0], [40.0, 20.0])},
            ),
            buckets={"read capacity": bucket},
        )
        for index, ages_s in enumerate(([1.0] * 4, []))
    ]

    series = time_series(outcomes)

    np.testing.assert_array_equal(series.stations["nodes"].present.mean, [0.0, 4.0, 4.0])
    np.testing.assert_array_equal(series.buckets["read capacity"].taken_per_s.mean, [0.0, 30.0, 0.0])
    np.testing.assert_array_equal(series.buckets["read capacity"].refused_per_s.low, [0.0, 5.0, 0.0])
    np.testing.assert_array_equal(series.operations["read"].stale_ratio, [NOTHING, 0.05, NOTHING])
    assert len(series.operations["write"].stale_ratio) == 0


def test_percentiles_of_a_window_are_within_a_64th_of_the_order_statistic() -> None:
    latencies_s = np.random.default_rng(41).lognormal(-6.0, 1.0, 5_000)

    series = time_series([outcome(operations={"read": operation(latencies_s.tolist())})]).operations["read"]

    expected_ms = np.quantile(latencies_s, [0.5, 0.99], method="inverted_cdf") * 1000.0
    np.testing.assert_allclose([series.p50_ms[1], series.p99_ms[1]], expected_ms, rtol=1 / 64)


def test_windows_must_agree() -> None:
    outcomes = [outcome(), replace(outcome(replication=1), window_edges_s=np.array([0.0, 5.0, 20.0, 30.0]))]

    with pytest.raises(AssertionError, match="windows"):
        time_series(outcomes)


def test_windows_add_up_to_the_whole() -> None:
    """Goal: nothing is lost from window to figure. Method: throughput by window times length is all answers."""
    outcomes = direct_and_dax(3, 400.0)["dax"]

    series = time_series(outcomes)

    answers = np.mean([each.operations["read"].window_ok.sum() for each in outcomes])
    assert np.sum(series.operations["read"].throughput_per_s.mean * np.diff(series.edges_s)) == pytest.approx(answers)


def test_curve_reaches_as_far_as_every_replication_can_say() -> None:
    """1,000 values have ten beyond their p99, 100 values ten beyond their p90."""
    outcomes = [
        outcome(replication=index, operations={"read": operation(np.linspace(0.001, 0.01, count).tolist())})
        for index, count in enumerate([1000, 100])
    ]

    curve = percentile_curve(outcomes, "read")
    alone = percentile_curve(outcomes[:1], "read")

    assert curve.fractions[-1] == 0.9
    assert alone.fractions[-1] == 0.99
    assert 0.5 in curve.fractions
    assert np.all(curve.latency_ms.low <= curve.latency_ms.mean)
    assert np.all(np.diff(curve.latency_ms.mean) > 0.0)


def test_curve_of_too_few_answers_is_empty() -> None:
    curve = percentile_curve([outcome(operations={"read": operation([0.001] * EXCEEDANCES_MIN)})], "read")

    assert len(curve.fractions) == len(curve.latency_ms.mean) == 0


def test_curve_is_evaluated_at_the_nines() -> None:
    assert {0.5, 0.9, 0.95, 0.99, 0.999} <= set(CURVE_FRACTIONS)
    assert list(CURVE_FRACTIONS) == sorted(CURVE_FRACTIONS)


@pytest.mark.parametrize("name", EDGES)
def test_curves_exist_at_the_edges(name: str) -> None:
    for replications in EDGES[name].values():
        series = time_series(replications)
        for operation_name in replications[0].operations:
            curve = percentile_curve(replications, operation_name)

            assert len(curve.fractions) == len(curve.latency_ms.mean)
            assert len(series.operations[operation_name].p50_ms) == len(series.middles_s)
