"""Percentiles of latencies: exact while there are few, within 1/1024 of the order statistic later, and in agreement
with a published histogram.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest
from hdrh.histogram import HdrHistogram

from models.kernel.outcome import COARSE, FEW, FINE, TICKS_PER_S, Distribution, Scale

FloatArray = npt.NDArray[np.float64]

FRACTIONS = (0.0005, 0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1.0)
COUNT = 20_000
"""So many that every fraction falls on a whole rank, where all definitions of a percentile agree."""

LAWS: dict[str, Callable[[np.random.Generator], FloatArray]] = {
    "exponential": lambda generator: generator.exponential(0.002, COUNT),
    "lognormal": lambda generator: generator.lognormal(-6.0, 1.5, COUNT),
    "heavy tail": lambda generator: 1e-4 * (1.0 + generator.pareto(1.1, COUNT)),
    "hits and misses": lambda generator: np.where(
        generator.random(COUNT) < 0.9, generator.normal(3e-4, 1e-5, COUNT), generator.normal(4e-3, 5e-4, COUNT)
    ),
    "constant": lambda _: np.full(COUNT, 0.0123),
    "eight decades": lambda generator: 10.0 ** generator.uniform(-6.0, 2.0, COUNT),
}


def bin_of(scale: Scale, values_s: FloatArray) -> npt.NDArray[np.int64]:
    """The published rule: the top bits of the number itself."""
    return np.clip((values_s.view(np.int64) >> scale.shift) - scale.offset, 0, scale.bins - 1)


def distribution(values_s: FloatArray) -> Distribution:
    """What an engine would hold after these latencies."""
    return Distribution(
        counts=np.bincount(bin_of(FINE, values_s), minlength=FINE.bins),
        total_ticks=sum(round(value * TICKS_PER_S) for value in values_s.tolist()),
        few_s=np.sort(values_s) if len(values_s) <= FEW else np.empty(0),
        lowest_s=float(values_s.min()),
        highest_s=float(values_s.max()),
    )


def order_statistics(values_s: FloatArray) -> FloatArray:
    """NumPy's percentiles by the same definition: the smallest value that enough of all do not exceed."""
    return np.quantile(values_s, FRACTIONS, method="inverted_cdf")


def relative_errors(found: Distribution, values_s: FloatArray) -> FloatArray:
    """How far each percentile lies from the order statistic, in parts of it."""
    expected = order_statistics(values_s)
    return np.abs(np.array([found.percentile_s(fraction) for fraction in FRACTIONS]) - expected) / expected


@pytest.fixture(params=LAWS)
def values_s(request: pytest.FixtureRequest) -> FloatArray:
    """A sample of one of the laws."""
    name = str(request.param)
    return LAWS[name](np.random.default_rng([29, *name.encode()]))


def test_percentiles_are_order_statistics_within_a_1024th(values_s: FloatArray) -> None:
    found = distribution(values_s)

    assert relative_errors(found, values_s).max() <= 1 / 1024


def test_a_histogram_that_is_one_bin_off_is_noticed() -> None:
    """The check's own check: with counts one bin too high, the bound of 1/1024 is broken."""
    values_s = LAWS["lognormal"](np.random.default_rng(31))
    found = distribution(values_s)

    mutant = replace(found, counts=np.roll(found.counts, 1))

    assert relative_errors(mutant, values_s).max() > 1 / 1024


def test_percentiles_agree_with_the_published_histogram(values_s: FloatArray) -> None:
    """Method: HdrHistogram over nanoseconds with three significant digits, its own error 1/1000 beside our 1/1024."""
    reference = HdrHistogram(1, 10**15, 3)
    for value in values_s.tolist():
        reference.record_value(round(value * 1e9))

    found = distribution(values_s)

    for fraction in FRACTIONS:
        expected_s = reference.get_value_at_percentile(fraction * 100.0) / 1e9
        assert found.percentile_s(fraction) == pytest.approx(expected_s, rel=1 / 1000 + 1 / 1024, abs=1e-9)


@pytest.mark.parametrize("count", [1, 2, 10, 1000, FEW])
def test_percentiles_are_exact_while_there_are_few(count: int, values_s: FloatArray) -> None:
    few = values_s[:count]

    found = [distribution(few).percentile_s(fraction) for fraction in FRACTIONS]

    assert found == order_statistics(few).tolist()


def test_percentiles_stay_between_the_extremes(values_s: FloatArray) -> None:
    found = distribution(values_s)

    assert found.percentile_s(1e-9) >= values_s.min()
    assert found.percentile_s(1.0) <= values_s.max()


def test_percentiles_never_fall(values_s: FloatArray) -> None:
    found = distribution(values_s)

    percentiles = [found.percentile_s(fraction) for fraction in np.linspace(0.001, 1.0, 200)]

    assert percentiles == sorted(percentiles)


def test_mean_is_exact_to_a_tick(values_s: FloatArray) -> None:
    assert distribution(values_s).mean_s == pytest.approx(math.fsum(values_s) / COUNT, abs=1 / TICKS_PER_S)


@pytest.mark.parametrize("scale", [FINE, COARSE], ids=["fine", "coarse"])
def test_a_value_lies_between_its_bins_edges(scale: Scale) -> None:
    """Method: edges themselves, their neighbours on either side, and all magnitudes, looked up by comparison."""
    edges = scale.edges_s()
    middle = 10.0 ** np.random.default_rng(37).uniform(-8.0, 3.0, 10_000)
    values = np.concatenate([edges[:-1], np.nextafter(edges[1:], 0.0), middle])

    found = bin_of(scale, values)

    assert len(edges) == scale.bins + 1
    np.testing.assert_array_equal(found, np.searchsorted(edges, values, side="right") - 1)


def test_values_off_the_scale_count_in_the_last_bins() -> None:
    values = np.array([0.0, 1e-300, 2.0**-40.5, 2.0**24, 1e300])

    np.testing.assert_array_equal(bin_of(FINE, values), [0, 0, 0, FINE.bins - 1, FINE.bins - 1])
