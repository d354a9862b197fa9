"""Arrival processes: how many, how evenly, and the same in blocks of any size."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest
from scipy import stats

from models.kernel.arrivals import Arrivals, Bursty, ConstantArrivals, Poisson, Renewal, Schedule
from models.kernel.keys import UniformKeys
from models.kernel.laws import Constant, ConstantSeconds, ErlangSeconds, GeneralizedParetoSeconds
from models.kernel.sources import NumpyDrawing, OpenSource, Streams, Workload


def times(arrivals: Arrivals, duration_s: float, replication: int = 0, block: int = 4096) -> npt.NDArray[np.float64]:
    workload = Workload(arrivals, UniformKeys(count=10), Constant(value=1.0), {"read": 1.0})
    source = OpenSource(workload, Streams.of(7, replication), duration_s, NumpyDrawing(), block)
    return np.concatenate([np.empty(0), *(each.times_s for each in source.blocks())])


RAMP = Schedule(
    points=[[0.0, 100.0], [10.0, 100.0], [20.0, 500.0], [30.0, 500.0], [30.0, 0.0], [40.0, 0.0], [40.0, 50.0]]
)


def test_constant_arrivals_are_a_grid() -> None:
    assert times(ConstantArrivals(rate_per_s=8.0), 1.0).tolist() == [i / 8 for i in range(8)]


def test_poisson_gaps_are_exponential() -> None:
    gaps = np.diff(times(Poisson(rate_per_s=100.0), 200.0))

    assert stats.kstest(gaps, stats.expon(scale=0.01).cdf).pvalue > 0.001


def test_gaps_are_those_of_a_law() -> None:
    """Gaps of Facebook's ETC pool, against scipy, whose shape has the same sign."""
    gaps = np.diff(times(Renewal(gap=GeneralizedParetoSeconds(scale_s=0.0160292, shape=0.154971)), 200.0))

    assert stats.kstest(gaps, stats.genpareto(0.154971, scale=0.0160292).cdf).pvalue > 0.001
    assert gaps.size == pytest.approx(200.0 / stats.genpareto(0.154971, scale=0.0160292).mean(), rel=0.04)


def test_counts_of_a_renewal_process_disperse_as_its_gaps_do() -> None:
    """Theory: variance over mean of the count in a long time tends to the squared coefficient of variation, 1 / 4 here.
    Method: counts in windows of 200 gaps, a 99.9 % chi-square band.
    """
    arrivals = Renewal(gap=ErlangSeconds(shape=4, mean_s=0.005))
    counts = np.concatenate([np.histogram(times(arrivals, 400.0, r), np.arange(1.0, 401.0))[0] for r in range(3)])

    low, high = stats.chi2.ppf([0.0005, 0.9995], counts.size - 1) / (counts.size - 1)
    assert arrivals.mean_rate_per_s(1.0) == pytest.approx(200.0)
    assert 0.25 * low < counts.var(ddof=1) / counts.mean() < 0.25 * high * 1.01


def test_gaps_that_take_no_time_or_for_ever_are_refused() -> None:
    for gap in (ConstantSeconds(value_s=0.0), GeneralizedParetoSeconds(scale_s=1.0, shape=1.0)):
        with pytest.raises(ValueError, match="positive and finite"):
            Renewal(gap=gap)


def test_a_schedule_is_steady_until_its_rate_changes() -> None:
    """RAMP begins to rise at 10 s; a point alone changes nothing, nor do two of one rate."""
    plain = [Poisson(rate_per_s=1.0), Schedule(points=[[5.0, 40.0]]), Schedule(points=[[0.0, 2.0], [5.0, 2.0]])]

    assert RAMP.steady_until_s() == 10.0
    assert Schedule(points=[[0.0, 1.0], [4.0, 1.0], [4.0, 2.0]]).steady_until_s() == 4.0
    assert [each.steady_until_s() for each in plain] == [math.inf] * 3


@pytest.mark.parametrize(
    ("arrivals", "starts", "expected"),
    [
        (RAMP, [0.0, 10.0, 20.0, 30.0, 40.0, 50.0], [1000.0, 3000.0, 5000.0, 0.0, 500.0]),
        (Schedule(points=[[5.0, 40.0]]), [0.0, 5.0, 10.0], [200.0, 200.0]),
        (Schedule(points=[[0.0, 0.0], [10.0, 200.0], [20.0, 0.0]]), [0.0, 10.0, 20.0, 30.0], [1000.0, 1000.0, 0.0]),
    ],
)
def test_a_schedule_brings_what_its_rates_integrate_to(
    arrivals: Schedule, starts: list[float], expected: list[float]
) -> None:
    """Method: counts over 20 replications against the area under the rates, with a Poisson count's 99.9 % band."""
    counts = sum(np.histogram(times(arrivals, starts[-1], r), starts)[0] for r in range(20))

    assert counts == pytest.approx(20 * np.array(expected), abs=3.3 * math.sqrt(20 * max(expected)))
    assert arrivals.mean_rate_per_s(starts[-1]) == pytest.approx(sum(expected) / starts[-1])
    assert counts[np.array(expected) == 0.0].sum() == 0


def test_a_schedule_is_poisson_on_its_own_clock() -> None:
    """Goal: the ramp's arrivals within the ramp. Method: the rate 100 + 40 t maps them to a uniform on [0, 1]."""
    seen = times(RAMP, 20.0)
    t = seen[seen >= 10.0] - 10.0

    assert stats.kstest((100.0 * t + 20.0 * t * t) / 3000.0, "uniform").pvalue > 0.001


def test_bursts_have_the_mean_rate_and_are_burstier_than_poisson() -> None:
    """Method: rate over replications with a 99.9 % t-band; the index of dispersion of an on-off process exceeds 1."""
    bursty = Bursty(on_rate_per_s=400.0, off_rate_per_s=0.0, on_mean_s=0.5, off_mean_s=1.5)
    seen = [times(bursty, 100.0, replication) for replication in range(30)]

    rates = np.array([each.size / 100.0 for each in seen])
    counts = np.concatenate([np.histogram(each, np.arange(0.0, 100.5, 0.5))[0] for each in seen])

    band = stats.t.ppf(0.9995, rates.size - 1) * rates.std(ddof=1) / math.sqrt(rates.size)
    assert rates.mean() == pytest.approx(100.0, abs=band)
    assert counts.var() / counts.mean() > 20.0


@pytest.mark.parametrize(
    "arrivals",
    [Poisson(rate_per_s=500.0), ConstantArrivals(rate_per_s=500.0), RAMP,
     Renewal(gap=ErlangSeconds(shape=3, mean_s=0.002)),
     Bursty(on_rate_per_s=900.0, off_rate_per_s=10.0, on_mean_s=0.1, off_mean_s=0.2)],
)  # fmt: skip
def test_blocks_of_any_size_give_the_same_times(arrivals: Arrivals) -> None:
    whole = times(arrivals, 45.0)
    first = times(arrivals, 2.0)

    assert np.array_equal(first, times(arrivals, 2.0, block=1))
    assert np.array_equal(whole[: first.size], first)
    assert np.array_equal(whole, times(arrivals, 45.0, block=997))
    assert np.all(np.diff(whole) >= 0.0)
    assert whole[-1] < 45.0
