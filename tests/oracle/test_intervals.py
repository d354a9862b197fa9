"""The t-interval agrees with SciPy's own and covers the mean as often as it says."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from bench.statistics.intervals import estimate

COUNT, SAMPLES = 5, 4_000


@pytest.mark.parametrize("count", [2, 3, 10, 100])
@pytest.mark.parametrize("level", [0.9, 0.95, 0.999])
def test_interval_is_scipys(count: int, level: float) -> None:
    values = np.random.default_rng([5, count]).lognormal(size=count)

    found = estimate(values.tolist(), level)

    expected = stats.t.interval(level, count - 1, loc=values.mean(), scale=stats.sem(values))
    assert found.interval == pytest.approx(expected, rel=1e-12)


def covered(quantile: float | None) -> int:
    """How many intervals from normal samples around zero hold zero; with another quantile in place of t's, if given."""
    count = 0
    for values in np.random.default_rng(17).standard_normal((SAMPLES, COUNT)):
        found = estimate(values.tolist())
        assert found.mean is not None
        assert found.interval is not None
        half = found.interval[1] - found.mean
        if quantile is not None:
            half *= quantile / float(stats.t.ppf(0.975, COUNT - 1))
        count += abs(found.mean) <= half
    return count


def test_interval_covers_the_mean_as_often_as_it_says() -> None:
    """Goal: 95 % of intervals hold the true mean. Method: normal samples, a frozen seed, the binomial's 99.9 % band; an
    interval with the normal's quantile in place of t's is too narrow, and is caught.
    """
    low, high = stats.binom.ppf([0.0005, 0.9995], SAMPLES, 0.95)

    assert low <= covered(None) <= high
    assert not low <= covered(1.96) <= high
